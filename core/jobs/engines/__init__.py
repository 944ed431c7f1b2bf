"""Where runs are at work: base.py says what an engine does, and each other file is one."""

from core.jobs.engines.base import Engine
from core.jobs.engines.local import LocalEngine
from core.runs.store import Run


def engine_of(_: Run) -> Engine:
    """The engine of a run. There is one so far."""
    return LocalEngine()
