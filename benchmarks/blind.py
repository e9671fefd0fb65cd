from voicewright.judging.packet import main

main()
