"""Learning-rate schedules, as transformers takes them."""

from typing import Any

from core.config.options import Schedule
from core.config.training import ScheduleSection


def schedule_arguments(schedule: ScheduleSection, *, peak: float) -> dict[str, Any]:
    """The trainer's arguments for a schedule with this peak learning rate.

    What is left empty is left to transformers.
    """
    own = _own(schedule, peak=peak)
    arguments = {name: value for name, value in own.items() if value is not None}
    return {
        "lr_scheduler_type": schedule.lr_scheduler_type.value,
        "lr_scheduler_kwargs": arguments,
        "warmup_steps": schedule.warmup_steps,
    }


def warmup_within(warmup_steps: int, *, total_steps: int) -> int:
    """A warm-up as long as the run would never let the learning rate reach its peak."""
    return min(warmup_steps, total_steps - 1)


def _own(schedule: ScheduleSection, *, peak: float) -> dict[str, Any]:
    """The arguments that this kind of schedule alone understands."""
    match schedule.lr_scheduler_type:
        case Schedule.COSINE:
            return {"num_cycles": schedule.num_cycles}
        case Schedule.COSINE_WITH_RESTARTS:
            return {"num_cycles": int(schedule.num_cycles) if schedule.num_cycles else None}
        case Schedule.COSINE_WITH_MIN_LR:
            return {"num_cycles": schedule.num_cycles, "min_lr_rate": schedule.min_lr_rate}
        case Schedule.COSINE_WARMUP_WITH_MIN_LR:
            return {
                "num_cycles": schedule.num_cycles,
                "min_lr_rate": schedule.min_lr_rate,
                "warmup_lr_rate": schedule.warmup_lr_rate,
            }
        case Schedule.POLYNOMIAL:
            return {"power": schedule.power, "lr_end": schedule.lr_end}
        case Schedule.INVERSE_SQRT:
            return {"timescale": schedule.timescale}
        case Schedule.WARMUP_STABLE_DECAY:
            return {
                "num_decay_steps": schedule.decay_steps,
                "num_cycles": schedule.num_cycles,
                "warmup_type": schedule.warmup_type,
                "decay_type": schedule.decay_type,
                "min_lr_ratio": schedule.min_lr_rate,
            }
        case Schedule.REDUCE_ON_PLATEAU:
            return _by_loss(schedule)
        case Schedule.GREEDY:
            return _by_loss(schedule) | {"max_lr": schedule.max_lr or peak}
        case _:
            return {}


def _by_loss(schedule: ScheduleSection) -> dict[str, Any]:
    return {
        "factor": schedule.factor,
        "patience": schedule.patience,
        "min_lr": schedule.min_lr,
    }
