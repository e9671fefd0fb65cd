from voicewright.judging.pairs import main

main()
