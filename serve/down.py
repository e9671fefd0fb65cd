from voicewright.serving.stopping import main

main()
