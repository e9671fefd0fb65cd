from voicewright.serving.chat import main

main()
