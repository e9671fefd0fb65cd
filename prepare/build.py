from voicewright.data.build import main

main()
