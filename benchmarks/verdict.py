from voicewright.judging.verdict import main

main()
