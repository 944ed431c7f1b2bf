"""This machine: its processor, its memory, its accelerators, and how busy they are."""

import math
import os
import platform
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

# Over which time the processor's load is told, at least.
LOAD_SECONDS = 0.25
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Device:
    """What a model trains on. Memory is in bytes; load from 0 to 1.

    `capability` is a GPU's compute capability, as (8, 0).
    """

    name: str
    kind: str
    memory_total: int
    memory_used: int
    load: float
    capability: tuple[int, int] | None = None

    @property
    def memory_free(self) -> int:
        return self.memory_total - self.memory_used


def devices() -> list[Device]:
    """The accelerators that training would use, or else the processor."""
    return _gpus() or [processor()]


def processor() -> Device:
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    limit = _cgroup_number("memory.max")
    if limit is not None and limit < total:
        # In a container the limit counts, not what the machine has.
        used = (_cgroup_number("memory.current") or 0) - _reclaimable()
        total, available = limit, max(0, limit - used)
    return Device(
        name=f"{_processor_name()}, {cpu_cores()} cores",
        kind="cpu",
        memory_total=total,
        memory_used=total - available,
        load=_load.now(),
    )


def cpu_cores() -> int:
    """The cores this process may run on, and no more than its container's share of time is worth.

    https://docs.kernel.org/admin-guide/cgroup-v2.html: cpu.max holds a quota and a period in
    microseconds, or "max" for no quota.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota, _, period = (_cgroup_text("cpu.max") or "max").partition(" ")
    return min(cores, math.ceil(int(quota) / int(period))) if quota.isdigit() else cores


def out_of_memory_kills(cgroup: Path = CGROUP) -> int:
    """How often the kernel has ended a process of this container for lack of memory.

    By its control group, of version 2 or 1:
    https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html.
    """
    files = (cgroup / "memory.events", cgroup / "memory" / "memory.oom_control")
    events = next((path for path in files if path.exists()), None)
    if events is None:
        return 0
    counts = dict(line.split() for line in events.read_text().splitlines())
    return int(counts.get("oom_kill", 0))


def _reclaimable() -> int:
    """Bytes of files that are cached and not in use, which the kernel gives back when needed."""
    stat = dict(line.split() for line in (_cgroup_text("memory.stat") or "").splitlines())
    return int(stat.get("inactive_file", 0))


def _cgroup_number(name: str) -> int | None:
    text = _cgroup_text(name)
    return int(text) if text is not None and text.isdigit() else None


def _cgroup_text(name: str) -> str | None:
    path = CGROUP / name
    return path.read_text().strip() if path.exists() else None


@cache
def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[Device]:
    nvml = _nvml()
    if nvml is None:
        return []
    found = []
    for index in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        found.append(
            Device(
                name=nvml.nvmlDeviceGetName(handle),
                kind="cuda",
                memory_total=memory.total,
                memory_used=memory.used,
                load=nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
                capability=tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle)),
            )
        )
    return found


@cache
def _nvml() -> Any:
    """NVIDIA's management library, or None where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


class _Load:
    """How busy the processor was lately. psutil.cpu_percent tells each new thread 0 at first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = psutil.cpu_times()
        self._load = 0.0

    def now(self) -> float:
        with self._lock:
            times = psutil.cpu_times()
            passed = _all_time(times) - _all_time(self._times)
            # Many pages ask at once, and a moment is busy or idle by chance.
            if passed >= LOAD_SECONDS * (psutil.cpu_count() or 1):
                idle = _idle_time(times) - _idle_time(self._times)
                self._load = min(1.0, max(0.0, 1 - idle / passed))
                self._times = times
            return self._load


def _all_time(times: Any) -> float:
    # Time of guests is counted among the user's too.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - guests)


def _idle_time(times: Any) -> float:
    return float(times.idle + getattr(times, "iowait", 0.0))


_load = _Load()
