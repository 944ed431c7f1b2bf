"""How fast this machine trains, in floating-point operations a second (FLOP/s).

What runs have measured here is remembered in the home; before that, a processor is measured by a
matrix product, and a GPU taken by its name.
"""

import json
import math
import re
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.config.options import Precision, Quantization
from core.machine.atomic import write_atomically
from core.machine.hardware import Device

FILE = "speed.json"
# Shorter measurements are mostly of the first steps, which are slow.
LEAST_SECONDS = 5.0
# How much a run's speed counts against those before it.
NEWEST = 0.5
# A model so many times wider or narrower tells nothing of this one.
NEAR = 4.0
# Of the speed of a product of matrices, training reached so much on two cores: SmolLM2-135M with a
# LoRA in float32.
OF_A_PRODUCT = 0.7
PROBE_SIZE, PROBE_SECONDS = 512, 0.1
# Dense products in half precision, TFLOP/s, from NVIDIA's data sheets, by a word in its name.
PEAKS = {
    "H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "A10G": 125, "A10": 125,
    "T4": 65, "RTX 4090": 165, "RTX 3090": 71, "V100": 125, "B200": 2250,
}  # fmt: skip
# What training with TRL usually reaches of that.
OF_A_PEAK = 0.3


@dataclass(frozen=True)
class Speed:
    """`is_measured` says that runs on this device have reached it."""

    flops: float
    is_measured: bool


def remember_speed(
    home: Path,
    *,
    device: Device,
    precision: str,
    hidden: int,
    flops: float,
    seconds: float,
    quantization: Quantization = Quantization.NONE,
) -> None:
    """Note what a training has done in so many seconds of steps."""
    if seconds < LEAST_SECONDS or flops <= 0:
        return
    known, key = _known(home), _key(device, precision, hidden, quantization)
    before = known.get(key)
    reached = flops / seconds
    known[key] = reached if before is None else NEWEST * reached + (1 - NEWEST) * before
    write_atomically(home / FILE, json.dumps(known, indent=1))


def speed_of(
    home: Path,
    *,
    device: Device,
    precision: str,
    hidden: int,
    quantization: Quantization = Quantization.NONE,
) -> Speed | None:
    """The speed to count with; None where nobody can tell."""
    alike = {}
    for key, flops in _known(home).items():
        *rest, width = key.rsplit("|", 1)
        if rest == [_key(device, precision, 0, quantization).rsplit("|", 1)[0]] and width.isdigit():
            distance = abs(math.log(int(width) / hidden)) if int(width) else math.inf
            alike[distance] = flops
    if alike and min(alike) <= math.log(NEAR):
        return Speed(alike[min(alike)], is_measured=True)
    if device.kind == "cpu":
        return Speed(OF_A_PRODUCT * _product_flops(), is_measured=False)
    peak = next((PEAKS[name] for name in PEAKS if re.search(rf"\b{name}\b", device.name)), None)
    if peak is None or precision == Precision.FLOAT32:
        return None
    return Speed(OF_A_PEAK * peak * 1e12, is_measured=False)


def _key(device: Device, precision: str, hidden: int, quantization: Quantization) -> str:
    """Weights in fewer bits are made whole again in each step, which takes its time."""
    numbers = precision if quantization is Quantization.NONE else f"{precision} {quantization}"
    return f"{device.name}|{numbers}|{hidden}"


def _known(home: Path) -> dict[str, float]:
    try:
        stored = json.loads((home / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        str(key): float(value)
        for key, value in (stored.items() if isinstance(stored, dict) else ())
        if isinstance(value, int | float) and value > 0
    }


_probing = threading.Lock()


def _product_flops() -> float:
    # Two at once would measure each other.
    with _probing:
        return _measured_product()


@cache
def _measured_product() -> float:
    import numpy as np

    left = np.ones((PROBE_SIZE, PROBE_SIZE), dtype=np.float32)
    left @ left
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < PROBE_SECONDS:
        left @ left
        count += 1
    return float(2 * PROBE_SIZE**3 * count / passed)
