from voicewright.training.row_display import main

main()
