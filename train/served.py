from voicewright.training.served_parity import main

main()
