from voicewright.training.publishing import main

main()
