from voicewright.stylometry.validation import main

main()
