"""Why a trainer ended, out of its exit code, the kernel's word and its last lines."""

import signal
from pathlib import Path

import pytest

from core.jobs.diagnosis import explain_end


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "device_out_of_memory"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("huggingface_hub.errors.GatedRepoError: 403 Client Error.", "gated"),
        ("httpx.ConnectError: [Errno 111] Connection refused", "no_network"),
        ("DefaultCPUAllocator: can't allocate memory: you tried", "out_of_memory"),
        ("ValueError: something else", "crashed"),
    ],
)
def test_the_last_words_name_the_cause(tmp_path: Path, line: str, cause: str) -> None:
    log = f"Traceback (most recent call last):\n  File …\n{line}\n\n"
    found = explain_end(1, was_out_of_memory=False, log=log, home=tmp_path)
    assert found.cause == cause
    assert found.explanation
    assert found.remedies


def test_the_kernels_word_comes_first(tmp_path: Path) -> None:
    log = "OSError: No space left on device"
    found = explain_end(-signal.SIGKILL, was_out_of_memory=True, log=log, home=tmp_path)
    assert found.cause == "out_of_memory"


def test_a_signal_is_named(tmp_path: Path) -> None:
    found = explain_end(-signal.SIGKILL, was_out_of_memory=False, log="", home=tmp_path)
    assert (found.cause, "SIGKILL" in found.explanation) == ("killed", True)


def test_a_crash_tells_its_last_line_or_that_there_is_none(tmp_path: Path) -> None:
    last = explain_end(1, was_out_of_memory=False, log="one\ntwo\n \n", home=tmp_path)
    assert last.explanation.endswith("two")
    silent = explain_end(1, was_out_of_memory=False, log="", home=tmp_path)
    assert "no output" in silent.explanation
