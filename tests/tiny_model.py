"""A model small enough to train in a second, with SmolLM2's architecture and chat template."""

import sys
from pathlib import Path

from core.builtin.model import _mark

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def make_tiny_model(
    folder: Path,
    *,
    template: str | None = CHAT_TEMPLATE,
    begin: str = "<|im_start|>",
    end: str = "<|im_end|>",
    special: tuple[str, ...] = SPECIAL,
    corpus: str = "system user assistant",
    adds_begin: bool = False,
) -> Path:
    """Save a model of random weights and a byte-level tokenizer, as the built-in one is saved.

    The tokenizer has merged what is frequent in `corpus`; with `adds_begin` it puts `begin` before
    each text, as Llama's does.
    """
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([corpus], special_tokens=list(special))
    if adds_begin:
        trained._tokenizer.post_processor = TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, trained.token_to_id(begin))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        bos_token=begin,
        eos_token=end,
        pad_token=end,
        additional_special_tokens=list(special),
        model_max_length=2048,
        chat_template=template,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2048,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _mark(folder, source="made by a test")
    return folder


if __name__ == "__main__":
    make_tiny_model(Path(sys.argv[1]))
