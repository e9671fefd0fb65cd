from voicewright.training.rendering import main

main()
