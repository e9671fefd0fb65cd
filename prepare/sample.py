from voicewright.data.masked_sample import main

main()
