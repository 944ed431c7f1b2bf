"""Why a run or its push failed, or what it was warned of, for programs.

Cause in events.py is for a person.
"""

from enum import StrEnum

from core.errors import Gated, HubUnreachable, NotFinite, UserError


class FailureCause(StrEnum):
    DEVICE_OUT_OF_MEMORY = "device_out_of_memory"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    GATED = "gated"
    NO_NETWORK = "no_network"
    INPUT = "input"
    CRASHED = "crashed"
    KILLED = "killed"
    INTERRUPTED = "interrupted"
    STUCK = "stuck"
    NOT_FINITE = "not_finite"
    # Of these a run is warned, and goes on.
    DIVERGING = "diverging"
    REWARDS_ALIKE = "rewards_alike"
    # It waited with a person's own sign-in, which is gone with the process that held it.
    SIGNED_OUT = "signed_out"
    NOT_MERGED = "not_merged"
    PUSH_DIED = "push_died"
    HUB_UNREACHABLE = "hub_unreachable"
    REFUSED = "refused"
    # What another version of SmolFactory wrote.
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "FailureCause | None":
        return cls.OTHER if isinstance(value, str) else None


def cause_of(error: UserError) -> FailureCause:
    """What kept a trainer from its work."""
    match error:
        case HubUnreachable():
            return FailureCause.NO_NETWORK
        case Gated():
            return FailureCause.GATED
        case NotFinite():
            return FailureCause.NOT_FINITE
        case _:
            return FailureCause.INPUT
