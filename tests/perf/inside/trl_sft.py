"""What one would write with TRL alone: `trl_sft.py axolotl.yaml train.jsonl val.jsonl output_dir`.

Run in the train environment; imports nothing of ours.
"""

import json
import sys

import yaml
from datasets import load_dataset
from peft import LoraConfig
from transformers import set_seed
from trl import SFTConfig, SFTTrainer

yaml_path, train_path, val_path, output_dir = sys.argv[1:]
with open(yaml_path, encoding="utf-8") as file:
    a = yaml.safe_load(file)
set_seed(a["seed"])
data = load_dataset("json", data_files={"train": train_path, "val": val_path}).select_columns(["text"])
trainer = SFTTrainer(
    model=a["base_model"],
    args=SFTConfig(
        output_dir=output_dir,
        max_length=a["sequence_len"],
        max_steps=a["max_steps"],
        per_device_train_batch_size=a["micro_batch_size"],
        per_device_eval_batch_size=a["micro_batch_size"],
        gradient_accumulation_steps=a["gradient_accumulation_steps"],
        learning_rate=a["learning_rate"],
        lr_scheduler_type=a["lr_scheduler"],
        warmup_steps=0,
        optim="adamw_torch",
        seed=a["seed"],
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to=[],
        logging_steps=1,
        disable_tqdm=True,
        model_init_kwargs={"dtype": "float32", "attn_implementation": "sdpa"},
    ),
    train_dataset=data["train"],
    eval_dataset=data["val"],
    peft_config=LoraConfig(
        r=a["lora_r"],
        lora_alpha=a["lora_alpha"],
        lora_dropout=a["lora_dropout"],
        target_modules=a["lora_target_modules"],
        task_type="CAUSAL_LM",
    ),
)
result = trainer.train()
print("RESULT " + json.dumps({
    "steps_per_second": result.metrics["train_steps_per_second"], "eval_loss": trainer.evaluate()["eval_loss"],
}))  # fmt: skip
