from voicewright.decision.decision import main

main()
