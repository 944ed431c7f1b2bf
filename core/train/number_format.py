"""Which number format is fast and safe here: measured, not looked up by name."""

import time

import torch

from core.errors import UserError
from core.events import Choice
from core.sections import NumberFormat

PROBE_SIZE = 512
PROBE_SECONDS = 0.05
# Half the memory is worth something, but not a slower run.
WORTHWHILE = 1.2


def choose_number_format(wanted: NumberFormat) -> Choice:
    """What `auto` becomes on this hardware, and why.

    Raises UserError when the wanted format does not work here.
    """
    has_gpu = torch.cuda.is_available()
    if wanted is NumberFormat.FLOAT16 and not has_gpu:
        raise UserError(
            "float16 needs a GPU: on a processor its numbers overflow unscaled.",
            hint="Choose auto.",
            field="hardware.number_format",
        )
    if wanted is not NumberFormat.AUTO:
        return Choice(value=wanted, why="as you chose")
    if has_gpu:
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice(value=NumberFormat.BFLOAT16, why="this GPU computes in it natively")
        return Choice(value=NumberFormat.FLOAT16, why="this GPU has no bfloat16 of its own")
    return _choose_on_processor()


def _choose_on_processor() -> Choice:
    speed = {dtype: _products_a_second(dtype) for dtype in (torch.float32, torch.bfloat16)}
    ratio = speed[torch.bfloat16] / speed[torch.float32]
    why = f"bfloat16 was measured at {ratio:.2f} times the speed of float32 on this processor"
    chosen = NumberFormat.BFLOAT16 if ratio > WORTHWHILE else NumberFormat.FLOAT32
    return Choice(value=chosen, why=why)


def _products_a_second(dtype: torch.dtype) -> float:
    left = torch.ones(PROBE_SIZE, PROBE_SIZE, dtype=dtype)
    # The first product sets things up.
    left[:8] @ left
    rows, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < PROBE_SECONDS:
        # A few rows at a time: where a format is slow, a whole product takes seconds.
        left[:8] @ left
        rows += 8
    return rows / elapsed
