"""Whether this machine has what the settings need of it."""

from importlib.util import find_spec

from core.config.check import Context
from core.config.options import BITSANDBYTES, PAGED, Precision
from core.config.run_config import RunConfig
from core.errors import InvalidConfig
from core.machine.hardware import devices


def check_machine(config: RunConfig, _: Context) -> list[str]:
    if faults := machine_faults(config):
        raise InvalidConfig(faults)
    return []


def machine_faults(config: RunConfig) -> dict[str, str]:
    """What this machine lacks, by the setting that needs it."""
    faults: dict[str, str] = {}
    optimizer, has_gpu = config.training.optim, devices()[0].kind != "cpu"
    if optimizer in BITSANDBYTES and find_spec("bitsandbytes") is None:
        faults["training.optim"] = (
            "This optimizer needs the package bitsandbytes, which is not installed: install it, or "
            "use `adamw_torch`."
        )
    elif optimizer in PAGED and not has_gpu:
        faults["training.optim"] = (
            "A paged optimizer moves its state from a GPU to the processor, and this machine has "
            "no GPU: use `adamw_bnb_8bit`."
        )
    if config.model.quantized and find_spec("bitsandbytes") is None:
        faults["model.quantization"] = (
            "This needs the package bitsandbytes, which is not installed: install it, or use "
            "`none`."
        )
    if config.hardware.precision is Precision.FLOAT16 and not has_gpu:
        faults["hardware.precision"] = (
            "float16 needs a GPU: on a processor its numbers overflow unscaled. Choose `auto`."
        )
    return faults
