from voicewright.training.push import main

main()
