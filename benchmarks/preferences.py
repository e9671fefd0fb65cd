from voicewright.judging.preferences import main

main()
