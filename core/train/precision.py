"""Which number format is fast and safe here: measured, not looked up by name."""

import time

import torch

from core.config.options import Precision
from core.config.resolved import Choice
from core.errors import UserError

PROBE_ROWS, PROBE_SIZE, PROBE_ROUNDS = 128, 512, 20
# Products are only a part of a step, and the rest is slower in bfloat16: on a processor that was
# 2.5 times as fast at them, ten steps of a LoRA took a fifth longer.
WORTHWHILE = 4.0


def choose_precision(wanted: Precision, *, before: object) -> Choice:
    """What `auto` becomes on this hardware, and why; `before` is what it became already, if ever.

    Raises UserError when the wanted format does not work here.
    """
    has_gpu = torch.cuda.is_available()
    if wanted is Precision.FLOAT16 and not has_gpu:
        raise UserError(
            "float16 needs a GPU: on a processor its numbers overflow unscaled.",
            hint="Choose `auto`.",
            field="hardware.precision",
        )
    if before is not None:
        return Choice(value=str(before), why="as when this run began")
    if wanted is not Precision.AUTO:
        return Choice(value=wanted, why="as you chose")
    if has_gpu:
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice(value=Precision.BFLOAT16, why="this GPU computes in it natively")
        return Choice(value=Precision.FLOAT16, why="this GPU has no bfloat16 of its own")
    return _choose_on_processor()


def _choose_on_processor() -> Choice:
    ratio = _product_seconds(torch.float32) / _product_seconds(torch.bfloat16)
    why = f"bfloat16 was measured at {ratio:.1f} times the speed of float32 on this processor"
    why += f"; from {WORTHWHILE:g} times on it is worth it"
    chosen = Precision.BFLOAT16 if ratio > WORTHWHILE else Precision.FLOAT32
    return Choice(value=chosen, why=why)


def _product_seconds(dtype: torch.dtype) -> float:
    """Processor time of a matrix product, by one thread: others on this machine don't change it."""
    left = torch.ones(PROBE_ROWS, PROBE_SIZE, dtype=dtype)
    right = torch.ones(PROBE_SIZE, PROBE_SIZE, dtype=dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    taken = []
    try:
        for _ in range(PROBE_ROUNDS):
            start = time.thread_time()
            left @ right
            taken.append(time.thread_time() - start)
    finally:
        torch.set_num_threads(threads)
    return min(taken)
