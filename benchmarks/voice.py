from voicewright.metrics.voice_report import main

main()
