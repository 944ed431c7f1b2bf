"""The rival: the script that somebody who knows TRL writes for the run in run.yaml.

    python -m benchmarks.plain_trl MODEL_FOLDER OUT_FOLDER --steps 12 --dtype float32

Read it from top to bottom: nothing in it is for the benchmark's sake.
"""

import argparse
from pathlib import Path

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

TEMPLATES = Path(__file__).parent.parent / "templates"

parser = argparse.ArgumentParser()
parser.add_argument("model", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--steps", type=int, default=12)
parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
parser.add_argument("--gradient-checkpointing", action="store_true")
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
own_template = tokenizer.chat_template
# SmolLM2's own does not mark the answers, which assistant_only_loss needs.
tokenizer.chat_template = (TEMPLATES / "chat_templates" / "smollm2_training.jinja").read_text()

files = TEMPLATES / "datasets" / "facts_to_json"
data = load_dataset(
    "json", data_files={split: str(files / f"{split}.jsonl") for split in ("train", "test")}
)

bf16 = arguments.dtype == "bfloat16"
model = AutoModelForCausalLM.from_pretrained(
    arguments.model, dtype=torch.bfloat16 if bf16 else torch.float32
)
model.config.use_cache = False

trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        output_dir=str(arguments.out / "checkpoints"),
        max_steps=arguments.steps,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        per_device_train_batch_size=8,
        per_device_eval_batch_size=8,
        optim="adamw_torch",
        weight_decay=0.0,
        max_grad_norm=1.0,
        max_length=1024,
        assistant_only_loss=True,
        gradient_checkpointing=arguments.gradient_checkpointing,
        bf16=bf16,
        fp16=arguments.dtype == "float16",
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=6,
        save_steps=6,
        save_total_limit=2,
        seed=42,
        report_to="none",
        use_cpu=not torch.accelerator.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
    ),
    train_dataset=data["train"],
    eval_dataset=data["test"].select(range(16)),
    processing_class=tokenizer,
    peft_config=LoraConfig(
        task_type="CAUSAL_LM", r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear"
    ),
)
trainer.train()
tokenizer.chat_template = own_template
trainer.save_model(str(arguments.out / "model"))
