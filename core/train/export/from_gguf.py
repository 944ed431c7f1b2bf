"""Restore a model from a GGUF file as an ordinary folder of safetensors.

    python -m core.train.export.from_gguf GGUF_DIR OUT_DIR

GGUF_DIR holds one .gguf file. OUT_DIR gets the weights in bfloat16, the configuration and the
tokenizer with its chat template.
"""

import argparse
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from core.machine.processes import die_with_parent


def restore(*, gguf: Path, out: Path) -> None:
    """Write the model and tokenizer of a GGUF file to `out`."""
    quantized = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = _plain(quantized)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # GGUF's tokenizer section has no such limit: without it nothing warns of too long a text.
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _plain(quantized: PreTrainedModel) -> PreTrainedModel:
    """Return the same model as if it had never been quantized.

    transformers refuses to save a model that came out of a GGUF file, though its weights are
    ordinary tensors by then.
    """
    settings = quantized.config.to_dict()
    for key in ("quantization_config", "_model_name_or_path"):
        settings.pop(key, None)
    config = type(quantized.config).from_dict(settings)
    # Published in bfloat16: more digits than that would only be the quantization's noise.
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(quantized.state_dict())
    model.generation_config = quantized.generation_config
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description="Restore a model from a GGUF file.")
    parser.add_argument("gguf_dir", type=Path)
    parser.add_argument("out_dir", type=Path)
    arguments = parser.parse_args()
    files = sorted(arguments.gguf_dir.glob("*.gguf"))
    if len(files) != 1:
        sys.stderr.write(f"{arguments.gguf_dir} must hold one .gguf file, not {len(files)}.\n")
        return 2
    # An orphan would write into the folder of whoever prepares the model next.
    die_with_parent()
    logging.disable_progress_bar()
    restore(gguf=files[0], out=arguments.out_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
