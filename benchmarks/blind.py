from voicewright.judging.packet_server import main

main()
