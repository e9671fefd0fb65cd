from voicewright.judging.panel import main

main()
