"""Libraries that a run does without are not loaded."""

import logging
import sys

from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import BITSANDBYTES
from core.config.run_config import RunConfig


def leave_out_bitsandbytes(config: RunConfig) -> None:
    """Have peft find no bitsandbytes, before it is imported itself, where nothing can need it.

    peft imports it wherever it is installed, which takes a second of processor time and 50 MB. A
    base from the Hub may be stored in fewer bits, and that is known too late.
    """
    quantizes = config.model.quantized or config.training.optim in BITSANDBYTES
    if quantizes or config.model.name != BUILTIN_MODEL:
        quieten_bitsandbytes()
    elif "bitsandbytes" not in sys.modules:
        sys.modules["bitsandbytes"] = None  # type: ignore[assignment]


def quieten_bitsandbytes() -> None:
    """It tells which kernels it did not find, and in each step of a layer what it computes in."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
