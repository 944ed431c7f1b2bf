"""What the machine says of itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.machine.hardware import out_of_memory_kills, processor
from tests.waiting import wait_until

VERSION_2 = ("memory.events", "low 0\nhigh 12\nmax 3\noom 3\noom_kill 2\n")
VERSION_1 = ("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")


@pytest.mark.parametrize(("name", "text"), [VERSION_2, VERSION_1])
def test_the_kernels_kills_are_counted(tmp_path: Path, name: str, text: str) -> None:
    assert out_of_memory_kills(tmp_path) == 0
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert out_of_memory_kills(tmp_path) == 2


def test_a_busy_processor_is_told_in_every_thread() -> None:
    # Asking is what keeps it busy.
    wait_until(lambda: sum(range(1_000_000)) and processor().load > 0)
    for _ in range(3):
        with ThreadPoolExecutor(max_workers=1) as fresh:
            assert fresh.submit(lambda: processor().load).result() > 0
