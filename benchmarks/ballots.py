from voicewright.judging.ballot_merging import main

main()
