"""What Spaces and jobs can run on, and what a minute of it costs."""

from typing import Any, NamedTuple

FREE = "cpu-basic"


class Accelerator(NamedTuple):
    model: str
    quantity: int
    gigabytes: int


class Flavor(NamedTuple):
    """A kind of machine; prices are in millionths of a dollar a minute, Spaces' and jobs'."""

    name: str
    pretty: str
    cpus: int
    gigabytes: int
    space_price: int | None
    job_price: int | None
    accelerator: Accelerator | None = None


FLAVORS = {
    flavor.name: flavor
    for flavor in (
        Flavor(FREE, "CPU Basic", 2, 16, 0, 167),
        Flavor("cpu-upgrade", "CPU Upgrade", 8, 32, 500, 500),
        Flavor("zero-a10g", "ZeroGPU", 8, 64, 0, None, Accelerator("ZeroGPU", 1, 70)),
        Flavor("t4-small", "Nvidia T4 - small", 4, 15, 6667, 6667, Accelerator("T4", 1, 16)),
        Flavor("t4-medium", "Nvidia T4 - medium", 8, 30, 10000, 10000, Accelerator("T4", 1, 16)),
        Flavor("l4x1", "1x Nvidia L4", 8, 30, 13333, 13333, Accelerator("L4", 1, 24)),
        Flavor(
            "a10g-small", "Nvidia A10G - small", 4, 15, 16667, 16667, Accelerator("A10G", 1, 24)
        ),
        Flavor(
            "a10g-large", "Nvidia A10G - large", 12, 46, 25000, 25000, Accelerator("A10G", 1, 24)
        ),
        Flavor("l40sx1", "1x Nvidia L40S", 8, 62, 30000, 30000, Accelerator("L40S", 1, 48)),
        Flavor(
            "a100-large", "Nvidia A100 - large", 12, 142, 41667, 41667, Accelerator("A100", 1, 80)
        ),
        Flavor("h200", "Nvidia H200", 23, 256, None, 83333, Accelerator("H200", 1, 141)),
    )
}


def for_spaces() -> list[dict[str, Any]]:
    return [
        _view(flavor, price=flavor.space_price)
        for flavor in FLAVORS.values()
        if flavor.space_price is not None
    ]


def for_jobs() -> list[dict[str, Any]]:
    return [
        _view(flavor, price=flavor.job_price)
        for flavor in FLAVORS.values()
        if flavor.job_price is not None
    ]


def serves_spaces(name: str) -> bool:
    return name in FLAVORS and FLAVORS[name].space_price is not None


def is_paid(name: str) -> bool:
    """Whether a Space pays for this machine by the minute."""
    return bool(FLAVORS[name].space_price)


def _view(flavor: Flavor, *, price: int) -> dict[str, Any]:
    accelerator = flavor.accelerator
    return {
        "name": flavor.name,
        "prettyName": flavor.pretty,
        "cpu": f"{flavor.cpus} vCPU",
        "ram": f"{flavor.gigabytes} GB",
        "ephemeralStorage": "50 GB",
        "accelerator": accelerator
        and {
            "type": "gpu",
            "model": accelerator.model,
            "quantity": str(accelerator.quantity),
            "vram": f"{accelerator.gigabytes} GB",
            "manufacturer": "Nvidia",
        },
        "unitCostMicroUSD": price,
        "unitCostUSD": price / 1_000_000,
        "unitLabel": "minute",
    }
