from voicewright.serving.endpoints import main

main()
