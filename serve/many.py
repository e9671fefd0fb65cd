from voicewright.serving.many import main

main()
