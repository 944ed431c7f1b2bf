"""Why a run or its push failed, for programs. Cause in events.py is for a person."""

from enum import StrEnum


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
