from voicewright.reporting.testers_guide import main

main()
