"""Why a trainer ended, out of its exit code, the kernel's word and its last lines."""

import errno
import signal
import uuid
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.errors import UserError
from core.jobs.diagnosis import explain_end, explain_refusal
from core.runs.store import Run, RunStore


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run, _ = RunStore(tmp_path).create(parse_config({}), files={}, submission=uuid.uuid4().hex)
    return run


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "device_out_of_memory"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("SafetensorError: I/O error: No space left on device (os error 28)", "disk_full"),
        ("[enforce fail at inline_container.cc:672] . unexpected pos 5 vs 4", "disk_full"),
        ("RuntimeError: PytorchStreamWriter failed writing file data/3", "disk_full"),
        ("huggingface_hub.errors.GatedRepoError: 403 Client Error.", "gated"),
        ("httpx.ConnectError: [Errno 111] Connection refused", "no_network"),
        ("DefaultCPUAllocator: can't allocate memory: you tried", "out_of_memory"),
        ("ValueError: something else", "crashed"),
    ],
)
def test_the_last_words_name_the_cause(run: Run, line: str, cause: str) -> None:
    log = f"Traceback (most recent call last):\n  File …\n{line}\n\n"
    found = explain_end(1, was_out_of_memory=False, log=log, run=run)
    assert found.cause == cause
    assert found.explanation
    assert found.remedies


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (OSError(errno.ENOSPC, "No space left"), "disk_full", "The disk is full."),
        (OSError(errno.EIO, "Input/output error"), "crashed", "Input/output error"),
        (UserError("Of a newer version.", hint="Update."), "input", "Of a newer version."),
    ],
)
def test_what_keeps_the_supervisor_from_its_work_is_named(
    run: Run, error: UserError | OSError, cause: str, words: str
) -> None:
    found = explain_refusal(error, run=run)
    assert found.cause == cause
    assert words in found.explanation
    assert found.remedies


def test_the_kernels_word_comes_first(run: Run) -> None:
    log = "OSError: No space left on device"
    found = explain_end(-signal.SIGKILL, was_out_of_memory=True, log=log, run=run)
    assert found.cause == "out_of_memory"


def test_a_signal_is_named(run: Run) -> None:
    found = explain_end(-signal.SIGKILL, was_out_of_memory=False, log="", run=run)
    assert (found.cause, "SIGKILL" in found.explanation) == ("killed", True)


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "40"), (64, "SIGRTMAX")])
def test_any_signal_can_be_told(run: Run, number: int, name: str) -> None:
    found = explain_end(-number, was_out_of_memory=False, log="", run=run)
    assert found.explanation == f"The training was killed ({name})."


def test_the_error_is_told_and_not_the_progress_bar_that_closed_after_it(run: Run) -> None:
    log = (
        "Traceback (most recent call last):\n  File …\nKeyError: 'a'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n  File …\n    x.y()\n"
        "torch.cuda.CudaError: device-side assert\n\n  7%|▋    | 3/40 [00:02<00:31,  1.16it/s]\n"
    )
    found = explain_end(1, was_out_of_memory=False, log=log, run=run)
    assert found.explanation.endswith("torch.cuda.CudaError: device-side assert")


def test_a_crash_tells_its_last_line_or_that_there_is_none(run: Run) -> None:
    last = explain_end(1, was_out_of_memory=False, log="one\ntwo\n \n", run=run)
    assert last.explanation.endswith("two")
    silent = explain_end(1, was_out_of_memory=False, log="", run=run)
    assert "no output" in silent.explanation
