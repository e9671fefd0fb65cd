from voicewright.reporting.run_comparison import main

main()
