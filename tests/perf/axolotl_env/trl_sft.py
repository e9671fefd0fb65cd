"""What one would write with TRL alone: `trl_sft.py axolotl.yaml output_dir`, with the values that Axolotl was given.

Its loss, its collator and its data loading are TRL's own defaults; what is trained, how long and how often it is
evaluated and saved are not. The clock is the callback that Axolotl's runs write their events with.

Run in the train environment, voicewright/training/axolotl_env on its path; imports nothing else of ours.
"""

import sys

import yaml
from datasets import load_dataset
from peft import LoraConfig
from transformers import set_seed
from trl import SFTConfig, SFTTrainer
from voicewright_progress import ProgressCallback

yaml_path, output_dir = sys.argv[1:]
with open(yaml_path, encoding="utf-8") as file:
    a = yaml.safe_load(file)
set_seed(a["seed"])
paths = {"train": a["datasets"][0]["path"], "val": a["test_datasets"][0]["path"]}
data = load_dataset("json", data_files=paths).select_columns(["text"])
trainer = SFTTrainer(
    model=a["base_model"],
    args=SFTConfig(
        output_dir=output_dir,
        max_length=a["sequence_len"],
        pad_to_multiple_of=64,  # as Axolotl pads
        max_steps=a["max_steps"],
        per_device_train_batch_size=a["micro_batch_size"],
        per_device_eval_batch_size=a["micro_batch_size"],
        gradient_accumulation_steps=a["gradient_accumulation_steps"],
        learning_rate=a["learning_rate"],
        lr_scheduler_type=a["lr_scheduler"],
        warmup_steps=a["warmup_steps"],
        optim=a["optimizer"],
        eval_strategy="steps",
        eval_steps=a["eval_steps"],
        eval_on_start=True,  # as Axolotl does
        save_strategy="steps",
        save_steps=a["save_steps"],
        seed=a["seed"],
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        dataloader_num_workers=a["dataloader_num_workers"],
        report_to=[],
        logging_steps=1,
        disable_tqdm=True,
        model_init_kwargs={"dtype": "float32", "attn_implementation": a["attn_implementation"]},
    ),
    train_dataset=data["train"],
    eval_dataset=data["val"],
    callbacks=[ProgressCallback(output_dir)],
    peft_config=LoraConfig(
        r=a["lora_r"],
        lora_alpha=a["lora_alpha"],
        lora_dropout=a["lora_dropout"],
        target_modules=a["lora_target_modules"],
        task_type="CAUSAL_LM",
    ),
)
trainer.train()
trainer.save_model(output_dir)
