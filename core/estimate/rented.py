"""Hardware to rent where a run does not fit: what Hugging Face Spaces can have, and its price."""

from dataclasses import dataclass
from pathlib import Path

from core.config.run_config import RunConfig
from core.estimate.forecast import Rows, forecast
from core.estimate.model_shape import ModelShape
from core.machine.hardware import Device

GIGABYTE = 1024**3


@dataclass(frozen=True)
class Rented:
    """One GPU of a Space: gigabytes as torch reports them, and US dollars an hour."""

    name: str
    gigabytes: float
    capability: tuple[int, int]
    price: float

    @property
    def device(self) -> Device:
        return Device(
            self.name,
            "cuda",
            int(self.gigabytes * GIGABYTE),
            memory_used=0,
            load=0,
            capability=self.capability,
        )


# Of November 2026, https://huggingface.co/pricing#spaces; the cheapest first.
RENTED = (
    Rented("Nvidia T4", 14.6, (7, 5), 0.40),
    Rented("Nvidia L4", 22.0, (8, 9), 0.80),
    Rented("Nvidia L40S", 44.4, (8, 9), 1.80),
    Rented("Nvidia A100", 79.0, (8, 0), 2.50),
)


def cheapest_that_fits(
    config: RunConfig, shape: ModelShape, rows: Rows, *, home: Path
) -> Rented | None:
    """The cheapest of these that has the memory for a run; None where none has."""
    for rented in RENTED:
        if forecast(config, shape, rows, device=rented.device, home=home).fits_alone:
            return rented
    return None
