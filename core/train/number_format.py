"""Which number format is fast and safe here: measured, not looked up by name."""

import time

import torch

from core.errors import UserError
from core.events import Choice
from core.options import NumberFormat

PROBE_ROWS, PROBE_SIZE, PROBE_ROUNDS = 128, 512, 3
# Products are only a part of a step, and the rest is slower in bfloat16: on a processor that was
# 2.5 times as fast at them, ten steps of a LoRA took a fifth longer.
WORTHWHILE = 4.0


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
    # Taken by turns, and the best of each: another process on this machine slows some of them.
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    for _ in range(PROBE_ROUNDS):
        for dtype, taken in seconds.items():
            taken.append(_product_seconds(dtype))
    ratio = min(seconds[torch.float32]) / min(seconds[torch.bfloat16])
    why = f"bfloat16 was measured at {ratio:.2f} times the speed of float32 on this processor"
    chosen = NumberFormat.BFLOAT16 if ratio > WORTHWHILE else NumberFormat.FLOAT32
    return Choice(value=chosen, why=why)


def _product_seconds(dtype: torch.dtype) -> float:
    """A product as small as can be told from its overhead: where slow, it takes 80 ms."""
    left, right = torch.ones(PROBE_ROWS, PROBE_SIZE), torch.ones(PROBE_SIZE, PROBE_SIZE)
    left, right = left.to(dtype), right.to(dtype)
    start = time.perf_counter()
    left @ right
    return time.perf_counter() - start
