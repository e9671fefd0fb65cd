from voicewright.training.monitor import main

main()
