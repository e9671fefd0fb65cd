from voicewright.generation.arms import main

main()
