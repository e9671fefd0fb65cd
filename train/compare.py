from voicewright.pipeline.checkpoint_comparison import main

main()
