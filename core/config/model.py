"""The base model, and which of its weights are trained."""

from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import AdapterKind, ChatTemplate, LoraInit, Quantization
from core.config.setting import Column, RepoId, Revision, Section, setting

# In place of layers' names: all linear ones but the output head; and all experts of a mixture.
ALL_LINEAR, ALL_EXPERTS = "all-linear", "all-experts"
# Each takes a part of a weight into the adapter, and leaves the rest of it as the frozen weight.
FROM_THE_BASE = (LoraInit.PISSA, LoraInit.PISSA_FAST, LoraInit.OLORA)


class ModelSection(Section):
    name: RepoId = setting(
        BUILTIN_MODEL, label="Base model", basic=True,
        help="A causal language model on the Hub, as owner/name, or the built-in one.",
    )  # fmt: skip
    revision: Revision | None = setting(
        None, label="Model revision",
        help="A branch, tag or commit. If empty, the latest commit on the main branch.",
    )  # fmt: skip
    chat_template: ChatTemplate = setting(
        ChatTemplate.OWN, label="Chat template",
        help="How conversations are formatted. Use `plain` or `chatml` for a model without one.",
    )  # fmt: skip

    quantization: Quantization = setting(
        Quantization.NONE, label="Quantization",
        help="Holds the frozen weights in 4 or 8 bits (QLoRA): less memory for an adapter; slower.",
    )  # fmt: skip

    @property
    def quantized(self) -> bool:
        """Whether the frozen weights are held in fewer bits than they were published in."""
        return self.quantization is not Quantization.NONE


class AdapterSection(Section):
    """What is trained. Ask it what it can do; only what makes the adapter asks for its kind."""

    kind: AdapterKind = setting(
        AdapterKind.LORA, label="What to train", basic=True,
        help="A LoRA adapter, which is small and saves memory, or all of the model's weights.",
    )  # fmt: skip
    lora_r: int = setting(
        16, label="LoRA rank", ge=1, le=1024,
        help="Rank of the adapter matrices. A higher rank learns more and needs more memory.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    lora_alpha: float = setting(
        32, label="LoRA alpha", gt=0, le=4096,
        help="Scaling factor of the adapter. Twice the rank is a common choice.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    lora_dropout: float = setting(
        0.0, label="LoRA dropout", ge=0, lt=1,
        help="Dropout probability in the adapter layers, to reduce overfitting.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    lora_target_modules: Column = setting(
        ALL_LINEAR, label="LoRA target modules",
        help="all-linear, or a comma-separated list of layer names, such as q_proj, v_proj.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip

    init_lora_weights: LoraInit = setting(
        LoraInit.DEFAULT, label="LoRA initialization",
        help="PiSSA and OLoRA begin with the main part of each weight, which often learns faster.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    use_rslora: bool = setting(
        False, label="Rank-stabilized LoRA",
        help="Scales the adapter by alpha / √rank instead of alpha / rank, for high ranks.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    use_dora: bool = setting(
        False, label="DoRA",
        help="Learns each weight's size apart from its direction: better at low ranks, slower.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    modules_to_save: Column | None = setting(
        None, label="Modules trained in full",
        help="Trained whole beside the adapter, such as embed_tokens, lm_head. If empty, none.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip

    target_parameters: Column | None = setting(
        None, label="Expert parameters to adapt",
        help="Of a mixture: all-experts, or names such as mlp.experts.down_proj. If empty, none.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    trainable_layers: int | None = setting(
        None, label="Trained layers", ge=1, le=1000,
        help="Train only the last so many layers, and freeze the rest. If empty, all weights.",
        shown_when={"adapter.kind": (AdapterKind.FULL,)},
    )  # fmt: skip

    @property
    def has_adapter(self) -> bool:
        """Whether an adapter is trained over frozen weights, and not the model's own weights."""
        return self.kind is not AdapterKind.FULL

    @property
    def last_layers(self) -> int | None:
        """How many of the last layers are trained as they are; None where others are too."""
        return None if self.has_adapter else self.trainable_layers

    @property
    def mergeable(self) -> bool:
        """Whether the adapter can be added to its base, to make a model that stands alone."""
        return self.has_adapter

    @property
    def changes_base(self) -> bool:
        """Whether the frozen weights are others than the base's while it is trained."""
        return self.has_adapter and self.init_lora_weights in FROM_THE_BASE

    @property
    def whole_modules(self) -> list[str]:
        """The modules that are trained as they are, beside the adapter."""
        return _named(self.modules_to_save)

    @property
    def expert_parameters(self) -> list[str]:
        """The parameters of experts that get an adapter, or just "all-experts"."""
        return _named(self.target_parameters)


def _named(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
