from voicewright.serving.during import main

main()
