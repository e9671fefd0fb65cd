from voicewright.training.launching import main

main()
