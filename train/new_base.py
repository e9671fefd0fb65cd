from voicewright.training.new_base import main

main()
