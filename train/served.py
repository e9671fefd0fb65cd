from voicewright.training.parity import main

main()
