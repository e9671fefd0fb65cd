from voicewright.pipeline.deployment import main

main()
