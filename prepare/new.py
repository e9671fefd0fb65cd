from voicewright.pipeline.new_recipe import main

main()
