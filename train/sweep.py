from voicewright.pipeline.sweep import main

main()
