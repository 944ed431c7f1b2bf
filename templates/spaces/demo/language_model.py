"""Loads a model and lets it answer, one answer at a time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import errors, snapshot_download
from jinja2 import TemplateError
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

Message = dict[str, str]
# A question and its answer.
Turn = tuple[Message, Message]

# Files of these kinds alone are fetched: none of them can carry code.
FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
# More would take minutes to read on a CPU.
MOST_CONTEXT = 8192
GREEDY = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}


class ModelError(Exception):
    """What went wrong, in words for the page."""


@dataclass(frozen=True)
class LanguageModel:
    model: Any
    tokenizer: Any
    context: int
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    @property
    def has_template(self) -> bool:
        return bool(self.tokenizer.chat_template)

    @property
    def device(self) -> str:
        return str(self.model.device.type)

    def prompt(
        self, message: str, *, turns: list[Turn], system_prompt: str, room: int
    ) -> tuple[Any, int]:
        """The model's input, and how many of the oldest turns it leaves out to fit into `room`."""
        system = [{"role": "system", "content": system_prompt}] if system_prompt.strip() else []
        last = {"role": "user", "content": message}
        for left_out in range(len(turns) + 1):
            said = [part for turn in turns[left_out:] for part in turn]
            inputs = self._encode([*system, *said, last])
            tokens = inputs["input_ids"].shape[1]
            if tokens <= room:
                return inputs, left_out
        raise ModelError(f"That is {tokens} tokens long, and there is room for {room} of them.")

    def stream(self, inputs: Any, *, temperature: float, max_new_tokens: int) -> Iterator[str]:
        """Yield the answer as it grows. The model stops when the caller does."""
        stop = threading.Event()

        def stopped(ids: torch.Tensor, _: Any) -> torch.Tensor:
            return torch.full((len(ids),), stop.is_set(), device=ids.device)

        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        sampling = {"do_sample": True, "temperature": temperature} if temperature else GREEDY
        generation = self.worker.submit(
            self.model.generate,
            **inputs.to(self.model.device),
            **sampling,
            max_new_tokens=max_new_tokens,
            streamer=streamer,
            stopping_criteria=StoppingCriteriaList([stopped]),
        )
        # After an error too: without this the loop below would wait for ever.
        generation.add_done_callback(lambda _: streamer.end())
        text = ""
        try:
            for piece in streamer:
                text += piece
                yield text
            generation.result()
        finally:
            stop.set()

    def _encode(self, messages: list[Message]) -> Any:
        if not self.has_template:
            return self.tokenizer(messages[-1]["content"], return_tensors="pt")
        try:
            return self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        except TemplateError as error:
            raise ModelError(f"The model's chat template refuses this: {error}") from error


def load(name: str, *, base: str | None, beside: Path) -> LanguageModel:
    """Load a model, or an adapter over its `base`: a repository, or a folder in `beside`.

    Raises ModelError when there is none to be had.
    """
    folder = _fetch(name, beside=beside)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"{name} holds no weights in the safetensors format.")
    base_folder = _fetch(base, beside=beside) if base else folder
    has_tokenizer = (folder / "tokenizer_config.json").is_file()
    tokenizer = AutoTokenizer.from_pretrained(
        folder if has_tokenizer else base_folder, trust_remote_code=False
    )
    model = AutoModelForCausalLM.from_pretrained(
        base_folder, dtype=_number_format(), use_safetensors=True, trust_remote_code=False
    )
    if base:
        model = PeftModel.from_pretrained(model, folder)
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    known = getattr(model.config.get_text_config(), "max_position_embeddings", MOST_CONTEXT)
    context = min(known, tokenizer.model_max_length, MOST_CONTEXT)
    return LanguageModel(model=model, tokenizer=tokenizer, context=context)


def _fetch(name: str, *, beside: Path) -> Path:
    if (beside / name).is_dir():
        return beside / name
    advice = "add a secret HF_TOKEN with read access in this Space's settings, and restart it."
    try:
        return Path(snapshot_download(name, allow_patterns=FILES, ignore_patterns=["*/*"]))
    except errors.GatedRepoError as error:
        raise ModelError(f"{name} is gated. Accept its terms on its page, {advice}") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelError(
            f"{name} is not on the Hub, or it is private. If it is private, {advice}"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise ModelError(f"The Hub did not give {name}. Restart this Space later.") from error


def _number_format() -> torch.dtype:
    if not torch.cuda.is_available():
        return torch.float32
    has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float16
