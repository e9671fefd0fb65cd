from voicewright.judging.pairing import main

main()
