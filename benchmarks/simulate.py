from voicewright.decision.coverage_simulation import main

main()
