from voicewright.pipeline.plan import main

main()
