from voicewright.stylometry.scoring import main

main()
