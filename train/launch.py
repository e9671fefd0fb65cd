from voicewright.pipeline.launching import main

main()
