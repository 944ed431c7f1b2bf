"""Uploads are kept up to a total, of one person and in all, and for a day."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from core.errors import UserError
from interface.access import upload_totals
from interface.access.roles import Person, Role
from interface.access.upload_totals import GB, UploadTotals

ADA, BOB = Person(Role.OWNER, name="ada"), Person(Role.ALLOWED, name="bob")
HERE = Person(Role.LOCAL)


@pytest.fixture
def totals(tmp_path: Path) -> UploadTotals:
    return UploadTotals(tmp_path)


def stored(totals: UploadTotals, *, of: Person, size: int, name: str = "a", age: float = 0) -> Path:
    """A file as Gradio stores one; a hole costs no disk."""
    path = totals.home / "uploads" / name / "rows.csv"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    then = time.time() - age
    os.utime(path.parent, (then, then))
    totals.has_come(of, [str(path)])
    return path


def test_one_person_has_a_total_of_their_own(totals: UploadTotals) -> None:
    stored(totals, of=ADA, size=9 * GB)
    totals.expect(ADA, GB)
    with pytest.raises(UserError, match=r"your uploads here take 10\.0 GB of at most 10 GB"):
        totals.expect(ADA, 1)
    totals.expect(BOB, GB)
    totals.expect_no_more(ADA, GB)
    totals.expect(ADA, GB)


def test_at_the_machine_itself_there_is_one_total(
    totals: UploadTotals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_totals, "MAX_BYTES", 3 * GB)
    stored(totals, of=HERE, size=2 * GB)
    totals.expect(HERE, GB)
    with pytest.raises(UserError, match="at most 3 GB"):
        totals.expect(HERE, 1)


def test_all_persons_share_a_total(totals: UploadTotals) -> None:
    for number in range(5):
        stored(totals, of=Person(Role.ALLOWED, name=str(number)), size=10 * GB, name=str(number))
    with pytest.raises(UserError, match=r"all uploads here take 50\.0 GB .* dataset on the Hub"):
        totals.expect(ADA, 1)


def test_many_small_files_have_a_limit_too(
    totals: UploadTotals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_totals, "MAX_FILES", 3)
    for number in range(3):
        totals.expect(ADA, 1)
        stored(totals, of=ADA, size=1, name=str(number))
    with pytest.raises(UserError, match="uploaded 3 files"):
        totals.expect(ADA, 1)
    totals.expect(BOB, 1)


def test_a_full_disk_is_told_before(totals: UploadTotals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_totals, "MAX_BYTES", 1 << 60)
    with pytest.raises(UserError, match=r"GB are free\. Uploads are deleted"):
        totals.expect(HERE, 1 << 59)


def test_old_ones_are_swept(totals: UploadTotals) -> None:
    old = stored(totals, of=ADA, size=10 * GB, name="old", age=25 * 3600)
    new = stored(totals, of=ADA, size=1, name="new", age=23 * 3600)
    broken_off, arriving = (totals.home / "uploads" / name for name in ("tmp1", "tmp2"))
    for path, age in ((broken_off, 700), (arriving, 5)):
        path.write_bytes(b"a")
        os.utime(path, (time.time() - age,) * 2)
    totals.expect(ADA, GB)
    assert [path.exists() for path in (old, new, broken_off, arriving)] == [
        False, True, False, True,
    ]  # fmt: skip


def test_a_file_that_was_put_back_into_the_form_is_as_old_as_that(totals: UploadTotals) -> None:
    """It is a link to the run's own copy, and has its age."""
    path = stored(totals, of=HERE, size=1)
    os.utime(path, (0, 0))
    totals.sweep()
    assert path.exists()


def test_what_a_run_has_too_takes_no_room_and_the_rest_takes_it_once(totals: UploadTotals) -> None:
    of_run = totals.home / "rows.csv"
    for name in ("a", "b"):
        path = stored(totals, of=ADA, size=10 * GB if name == "a" else 0, name=name)
        if name == "b":
            path.unlink()
            path.hardlink_to(of_run)
        else:
            of_run.hardlink_to(path)
    totals.expect(ADA, GB)
    totals.expect_no_more(ADA, GB)
    of_run.unlink()
    with pytest.raises(UserError, match=r"your uploads here take 10\.0 GB"):
        totals.expect(ADA, GB)


def test_files_that_came_together_have_a_limit_too(
    totals: UploadTotals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_totals, "MAX_FILES", 2)
    old = stored(totals, of=ADA, size=1, name="old")
    new = [old.parent.parent / name / "rows.csv" for name in ("new", "newer")]
    for path in new:
        path.parent.mkdir()
        path.touch()
    with pytest.raises(UserError, match="uploaded 2 files"):
        totals.has_come(ADA, [str(path) for path in (old, *new)])
    assert [path.exists() for path in (old, *new)] == [True, False, False]


def test_it_is_swept_at_once_and_on(totals: UploadTotals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_totals, "SWEEP_SECONDS", 0.01)

    async def serve() -> None:
        async with totals.swept(None):
            for name in ("a", "b"):
                path = stored(totals, of=ADA, size=1, name=name, age=25 * 3600)
                with anyio.fail_after(10):
                    while path.exists():
                        await anyio.sleep(0.01)

    # In a thread of its own: a browser's loop may run in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(anyio.run, serve).result()


def test_whose_an_upload_is_may_be_lost(totals: UploadTotals) -> None:
    stored(totals, of=ADA, size=10 * GB)
    (totals.home / "uploads.json").write_text('{"a": "ad')
    totals.expect(ADA, 1)
    totals.has_come(ADA, [str(totals.home / "uploads" / "a" / "rows.csv")])
    with pytest.raises(UserError):
        totals.expect(ADA, 1)
