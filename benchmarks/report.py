from voicewright.reporting.report import main

main()
