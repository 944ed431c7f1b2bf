"""Numbers, times and states in the words that a person reads."""

from datetime import UTC, datetime

from core.config.builtin_names import BUILTIN_DATASETS, BUILTIN_MODEL
from core.hub.spaces import Hardware
from core.runs.state import RunState

_STATES = {
    RunState.QUEUED: "Waiting",
    RunState.PREPARING: "Preparing",
    RunState.TRAINING: "Training",
    RunState.SAVING: "Saving",
    RunState.PUSHING: "Pushing",
    RunState.DONE: "Done",
    RunState.STOPPED: "Stopped",
    RunState.CANCELED: "Canceled",
    RunState.FAILED: "Failed",
    RunState.INTERRUPTED: "Interrupted",
    RunState.TRAINED: "Trained, not pushed",
}
_CHOICES = {
    "4bit": "4 bits (NF4)",
    "8bit": "8 bits",
    "adafactor": "Adafactor",
    "adagrad": "AdaGrad",
    "adapter": "The adapter",
    "adamw_bnb_8bit": "AdamW, 8-bit",
    "adamw_torch": "AdamW",
    "adamw_torch_fused": "AdamW, fused",
    "ademamix": "AdEMAMix",
    "auto": "Automatic",
    "bfloat16": "bfloat16",
    "builtin": "Built in",
    "both": "Both",
    "chatml": "ChatML",
    "facts_pairs": "Facts, pairs of answers",
    "facts_rated": "Facts, labeled answers",
    "facts_to_json": "Facts to JSON",
    "float16": "float16",
    "float32": "float32",
    "full": "All weights",
    "hub": "Hugging Face Hub",
    "lion_32bit": "Lion",
    "lion_8bit": "Lion, 8-bit",
    "lora": "LoRA adapter",
    "merged": "The merged model",
    "own": "The model's own",
    "paged_adamw_32bit": "AdamW, paged",
    "paged_adamw_8bit": "AdamW, 8-bit, paged",
    "plain": "Plain: User and Assistant",
    "preference": "Pairs of answers",
    "prompt_completion": "Prompt and completion",
    "prompt_only": "Prompts",
    "unpaired_preference": "Answers with a label",
    "reduce_lr_on_plateau": "Reduce on plateau",
    "rmsprop": "RMSprop",
    "simpo": "SimPO",
    "dpo": "DPO: preferred answers",
    "olora": "OLoRA",
    "pissa": "PiSSA",
    "pissa_niter_4": "PiSSA, fast",
    "orpo": "ORPO: answers and preferences at once (experimental)",
    "cpo": "CPO: preferred answers, no base model (experimental)",
    "reward": "Reward model: scores for answers",
    "grpo": "GRPO: rewards for the model's own answers",
    "rloo": "RLOO: rewards, each answer against the others",
    "kto": "KTO: answers rated good or bad",
    "sft": "SFT: supervised fine-tuning",
    "sgd": "SGD",
    "sums": "Sums, for rewards",
    "text": "Plain text",
    "upload": "My files",
}


def model(name: str) -> str:
    """A model's name; the built-in one says that it is."""
    return "SmolLM2-135M-Instruct (built in)" if name == BUILTIN_MODEL else name


def dataset(name: str) -> str:
    """A dataset's name; a built-in one says that it is."""
    return f"{choice(name)} (built in)" if name in BUILTIN_DATASETS else name


def state(value: RunState) -> str:
    return _STATES[value]


def choice(value: str) -> str:
    """What a person reads for one of a setting's values."""
    return _CHOICES.get(value) or value.replace("_", " ").capitalize()


def number(value: float) -> str:
    """A number with four significant digits, short at any size."""
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 100_000:
        text = f"{value:.4g}"
        return f"{float(text):g}" if "e" in text else text
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def count(value: int) -> str:
    return f"{value:,}"


def counted(value: int, one: str) -> str:
    """So many of something: "1 row", "2 rows"."""
    return f"{count(value)} {one}{'' if value == 1 else 's'}"


def percent(share: float) -> str:
    return f"{share:.0%}"


def size(value: int) -> str:
    """Bytes as people read them."""
    amount = float(value)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit in ("B", "KB") else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {left:02d} s"
    return f"{left} s"


def roughly(seconds: float) -> str:
    """How long something will take, no finer than anybody can tell before."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"{minutes:.0f} min"
    hours = minutes / 60
    if hours < 36:
        return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:.1f} days"


def age(moment: datetime) -> str:
    """How long ago something was, coarse enough to stay the same for a while."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h ago"
    return f"{int(seconds // 86400)} days ago"


def hardware(choice: Hardware) -> str:
    """What a Space can run on, with its price."""
    accelerator = f" · {choice.accelerator}" if choice.accelerator else ""
    price = f"${choice.price:.2f} an hour" if choice.price else "free"
    return f"{choice.label}{accelerator} · {price}"
