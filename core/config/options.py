"""What settings may be set to."""

from enum import StrEnum


class DatasetSource(StrEnum):
    BUILTIN = "builtin"
    HUB = "hub"
    UPLOAD = "upload"


class DatasetFormat(StrEnum):
    AUTO = "auto"
    MESSAGES = "messages"
    PROMPT_COMPLETION = "prompt_completion"
    TEXT = "text"
    PREFERENCE = "preference"
    UNPAIRED_PREFERENCE = "unpaired_preference"
    PROMPT_ONLY = "prompt_only"

    @property
    def words(self) -> str:
        """What rows of this format are, for a sentence."""
        return _FORMAT_WORDS[self]


_FORMAT_WORDS = {
    DatasetFormat.AUTO: "rows of a format yet to be found out",
    DatasetFormat.MESSAGES: "conversations",
    DatasetFormat.PROMPT_COMPLETION: "prompts with their answers",
    DatasetFormat.TEXT: "plain text",
    DatasetFormat.PREFERENCE: "pairs of answers",
    DatasetFormat.UNPAIRED_PREFERENCE: "answers with a label",
    DatasetFormat.PROMPT_ONLY: "prompts without answers",
}


class ChatTemplate(StrEnum):
    """What conversations are laid out by: the model's own template, or one for models without."""

    OWN = "own"
    PLAIN = "plain"
    CHATML = "chatml"


class Quantization(StrEnum):
    """What frozen weights are stored in while an adapter is trained, by bitsandbytes."""

    NONE = "none"
    # NF4, with its scales quantized too: https://arxiv.org/abs/2305.14314
    FOUR = "4bit"
    EIGHT = "8bit"


class AdapterKind(StrEnum):
    LORA = "lora"
    FULL = "full"


class LoraInit(StrEnum):
    """What an adapter begins as, by peft's names for `init_lora_weights`; `default` is its True."""

    DEFAULT = "default"
    GAUSSIAN = "gaussian"
    ORTHOGONAL = "orthogonal"
    PISSA = "pissa"
    PISSA_FAST = "pissa_niter_4"
    OLORA = "olora"


class Weights(StrEnum):
    """What of a trained adapter goes to the Hub."""

    ADAPTER = "adapter"
    MERGED = "merged"
    BOTH = "both"


class Schedule(StrEnum):
    """The learning-rate schedules of transformers' SchedulerType."""

    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"
    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    INVERSE_SQRT = "inverse_sqrt"
    REDUCE_ON_PLATEAU = "reduce_lr_on_plateau"
    COSINE_WITH_MIN_LR = "cosine_with_min_lr"
    COSINE_WARMUP_WITH_MIN_LR = "cosine_warmup_with_min_lr"
    WARMUP_STABLE_DECAY = "warmup_stable_decay"
    GREEDY = "greedy"


class Optimizer(StrEnum):
    """The optimizers of transformers that need no package beyond ours."""

    ADAMW = "adamw_torch"
    ADAMW_FUSED = "adamw_torch_fused"
    ADAFACTOR = "adafactor"
    SGD = "sgd"
    ADAGRAD = "adagrad"
    RMSPROP = "rmsprop"
    ADAMW_8BIT = "adamw_bnb_8bit"
    PAGED_ADAMW = "paged_adamw_32bit"
    PAGED_ADAMW_8BIT = "paged_adamw_8bit"
    LION = "lion_32bit"
    LION_8BIT = "lion_8bit"
    ADEMAMIX = "ademamix"


class Sampling(StrEnum):
    """The order in which rows are trained on, by transformers' `train_sampling_strategy`."""

    RANDOM = "random"
    GROUPED = "group_by_length"
    SEQUENTIAL = "sequential"


class Precision(StrEnum):
    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Tracking(StrEnum):
    """Where a run's measurements go, besides the disk."""

    NONE = "none"
    DATASET = "dataset"
    # The dataset, and a Trackio Space that draws it.
    TRACKIO = "trackio"


class Switch(StrEnum):
    AUTO = "auto"
    ON = "on"
    OFF = "off"


# What bitsandbytes makes, and what of it needs a GPU.
PAGED = (Optimizer.PAGED_ADAMW, Optimizer.PAGED_ADAMW_8BIT)
BITSANDBYTES = (
    *PAGED, Optimizer.ADAMW_8BIT, Optimizer.LION, Optimizer.LION_8BIT, Optimizer.ADEMAMIX,
)  # fmt: skip
# What only some schedules understand.
COSINES = (
    Schedule.COSINE, Schedule.COSINE_WITH_RESTARTS, Schedule.COSINE_WITH_MIN_LR,
    Schedule.COSINE_WARMUP_WITH_MIN_LR, Schedule.WARMUP_STABLE_DECAY,
)  # fmt: skip
WITH_MIN_LR = (Schedule.COSINE_WITH_MIN_LR, Schedule.COSINE_WARMUP_WITH_MIN_LR)
BY_LOSS = (Schedule.REDUCE_ON_PLATEAU, Schedule.GREEDY)
WITHOUT_WARMUP = (Schedule.CONSTANT, *BY_LOSS)
