from voicewright.pipeline.merging import main

main()
