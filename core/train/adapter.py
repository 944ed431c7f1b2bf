"""The adapter that is trained in place of the model's own weights."""

from collections.abc import Iterator
from contextlib import contextmanager

from peft import LoraConfig, PeftConfig

from core.config.conflicts import layer_names
from core.config.model import AdapterSection
from core.errors import UserError


def peft_config(adapter: AdapterSection, *, revision: str | None) -> PeftConfig | None:
    """What TRL's trainers make the adapter from; None where all weights are trained.

    `revision` is the commit of the base model, which the adapter names.
    """
    if not adapter.has_adapter:
        return None
    names = layer_names(adapter)
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.lora_r,
        lora_alpha=adapter.lora_alpha,
        lora_dropout=adapter.lora_dropout,
        target_modules="all-linear" if names == ["all-linear"] else names,
        revision=revision,
    )


@contextmanager
def adapter_errors(adapter: AdapterSection) -> Iterator[None]:
    """Turn what peft raises about layers that are not there into a message at their setting."""
    try:
        yield
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        raise UserError(
            f"This model has no layers named {adapter.lora_target_modules}.",
            hint="Use all-linear, or names as the model's page shows them.",
            field="adapter.lora_target_modules",
        ) from error
