from voicewright.judging.ballots import main

main()
