from voicewright.training.merging import main

main()
