"""The trainer's log: no secret in it, no end to what it may be fed, and only its end is read."""

import random
import shutil
import time
import tracemalloc
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from core.runs import logs
from core.runs.logs import LogWriter, tail
from core.runs.paths import RunPaths

LIVE = "a-live-token-of-no-known-format"
HUB_TOKEN = "hf_" + "AbCdEfGhIj" * 3
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLXRoaXM"
SECRETS = pytest.mark.parametrize("secret", [HUB_TOKEN, JWT, LIVE], ids=["hub", "jwt", "live"])


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


def on_disk(paths: RunPaths) -> bytes:
    """All that is kept of a log, the oldest first."""
    kept = [path.read_bytes() for path in (paths.older_log, paths.log) if path.exists()]
    return b"".join(kept)


def shown(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return tail(path)


@SECRETS
def test_a_secret_never_reaches_the_disk(paths: RunPaths, secret: str) -> None:
    with closing(LogWriter(paths, secrets=[LIVE, ""])) as writer:
        for cut in range(len(secret) + 1):
            writer.write(f"token={secret[:cut]}".encode())
            writer.write(f"{secret[cut:]}, and on\r".encode())
            writer.write(b"\n")
        writer.write(f"the last words: {secret}".encode())
    text = on_disk(paths).decode()
    assert text.count("token=[secret], and on") == len(secret) + 1
    assert text.endswith("the last words: [secret]")


@SECRETS
def test_a_secret_in_a_line_without_end_never_reaches_the_disk(
    paths: RunPaths, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Wherever in the line it stands, and however the pipe cuts it."""
    monkeypatch.setattr(logs, "MAX_LINE_BYTES", 512)
    with closing(LogWriter(paths, secrets=[LIVE])) as writer:
        for before in range(0, 1024, 5):
            line = b"." * before + secret.encode() + b"." * (1024 - before)
            for start in range(0, len(line), 700):
                writer.write(line[start : start + 700])
            writer.write(b"\n")
    text = on_disk(paths).decode()
    assert secret not in text
    assert text.count("[secret]") == len(range(0, 1024, 5))


@pytest.mark.parametrize(
    "text",
    [f"b'\\n{JWT}'", f"me-{HUB_TOKEN}-{JWT}", f"x.y.{JWT}.z", f"eyJ.{JWT}", f"{HUB_TOKEN}.{JWT}"],
    ids=["glued", "both", "dotted", "begun", "side by side"],
)
def test_a_token_is_found_wherever_it_stands(paths: RunPaths, text: str) -> None:
    with closing(LogWriter(paths, secrets=[])) as writer:
        writer.write(f"{text}\n".encode())
    kept = on_disk(paths)
    assert b"[secret]" in kept
    for part in (HUB_TOKEN, *JWT.split(".")):
        assert part.encode() not in kept


@pytest.mark.parametrize(
    "piece", [b"eyJ", b"eyJ" + b"a" * 8 + b".", b"hf_", b"a-", b"eyJaaaaaaaa-"]
)
def test_looking_for_secrets_takes_time_by_the_length(paths: RunPaths, piece: bytes) -> None:
    def seconds(size: int) -> float:
        line = piece * (size // len(piece)) + b"\n"
        taken = []
        for _ in range(3):
            with closing(LogWriter(paths, secrets=[LIVE])) as writer:
                start = time.process_time()
                writer.write(line)
                taken.append(time.process_time() - start)
        return min(taken)

    # Eight times as much. By the square it would be 64 times.
    assert seconds(100_000) < 30 * seconds(12_500)


def test_what_is_no_secret_is_kept(paths: RunPaths) -> None:
    line = b"hf_hub is a library; eyJ begins a token; {'loss': 0.5, 'model': 'hf_a/b'}\n"
    with closing(LogWriter(paths, secrets=[LIVE])) as writer:
        writer.write(line)
    assert on_disk(paths) == line


def test_a_line_is_there_as_soon_as_it_is_whole(paths: RunPaths) -> None:
    with closing(LogWriter(paths, secrets=[])) as writer:
        writer.write(b"Loading\n 10%")
        assert on_disk(paths) == b"Loading\n"
        writer.write(b"\r 20%")
        assert on_disk(paths) == b"Loading\n 10%\r"
    assert on_disk(paths) == b"Loading\n 10%\r 20%"


def test_a_full_disk_takes_no_line_and_the_last_words_are_known(paths: RunPaths) -> None:
    paths.log.symlink_to("/dev/full")
    writer = LogWriter(paths, secrets=[LIVE])
    for words in (b"Loading\n", f"OSError: no room for {LIVE}\nand".encode()):
        with pytest.raises(OSError, match="No space left"):
            writer.write(words)
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    assert writer.last_words() == "Loading\nOSError: no room for [secret]\nand"
    paths.log.unlink()


def test_a_new_writer_appends(paths: RunPaths) -> None:
    for words in (b"first\n", b"second\n"):
        with closing(LogWriter(paths, secrets=[])) as writer:
            writer.write(words)
    assert on_disk(paths) == b"first\nsecond\n"


def test_a_line_without_end_is_written_and_not_held(paths: RunPaths) -> None:
    piece = random.Random(0).randbytes(16 * 1024).translate(None, delete=b"\r\n")
    written = 0
    with closing(LogWriter(paths, secrets=[])) as writer:
        for _ in range(40):
            writer.write(piece)
            written += len(piece)
            # What is not on the disk is in memory.
            assert written - len(on_disk(paths)) <= logs.MAX_LINE_BYTES
    assert on_disk(paths) == piece * 40


def test_a_log_is_capped_and_its_end_kept(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 20_000)
    piece = b"".join(b"%09d\n" % n for n in range(10))
    with closing(LogWriter(paths, secrets=[])) as writer:
        for _ in range(2_000):
            writer.write(piece)
            size = sum(path.stat().st_size for path in paths.root.iterdir())
            # Each of the two files may end with the write that filled it.
            assert size <= 20_000 + 2 * len(piece)
        writer.write(b"the end\n")
    kept = on_disk(paths)
    assert kept.endswith(piece + b"the end\n")
    assert len(kept) >= 10_000
    assert {p.name for p in paths.root.iterdir()} == {paths.log.name, paths.older_log.name}


def test_a_log_that_cannot_be_begun_anew_is_written_on(
    paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 24)
    # Nothing takes the place of a folder with something in it.
    paths.older_log.mkdir()
    (paths.older_log / "in the way").touch()
    writer = LogWriter(paths, secrets=[])
    for line in (b"a line of the log\n", b"and another one\n"):
        with pytest.raises(OSError, match="directory"):
            writer.write(line)
    shutil.rmtree(paths.older_log)
    writer.write(b"the third\n")
    writer.write(b"the fourth\n")
    writer.close()
    assert on_disk(paths).endswith(b"the fourth\n")
    assert paths.older_log.read_bytes().startswith(b"a line of the log\nand another one\n")


def test_a_progress_bar_is_shown_as_it_is_now(tmp_path: Path) -> None:
    data = b"start\r\n  0%|\r 50%|#####\r100%|##########\nnext\r   \r\nabc\r\r\n 10%|#\r"
    assert shown(tmp_path / "log", data).split("\n") == [
        "start",
        "100%|##########",
        "next",
        "abc",
        " 10%|#",
    ]


def test_colours_and_moves_are_taken_out(tmp_path: Path) -> None:
    data = (
        b"\x1b[1;31mred\x1b[0m \x1b[2K\x1b[?25lplain\x1b]0;title\x07 \x1b]8;;http://x\x1b\\link\n"
    )
    assert shown(tmp_path / "log", data) == "red plain link"


def test_binary_is_shown_as_harmless_text(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4 + random.Random(0).randbytes(5000) + b"\x1b[\x1b]0;never ended"
    text = shown(tmp_path / "log", data)
    assert text
    text.encode("utf-8")
    controls = {c for c in text if unicodedata.category(c) in ("Cc", "Cs")}
    assert controls <= {"\n", "\t"}


def test_words_of_every_script_are_shown(tmp_path: Path) -> None:
    line = "naïve · 日本語 · العربية · \N{HUGGING FACE} · \N{ROCKET}"
    assert shown(tmp_path / "log", line.encode() + b"\n") == line


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == ""
    assert shown(tmp_path / "log", b"") == ""


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        # A hole costs no disk, and reads as any other bytes.
        file.truncate(256 * 1024 * 1024)
        file.seek(0, 2)
        file.write(b"\n" + b"".join(b"line %d\n" % n for n in range(10_000)))
    tracemalloc.start()
    try:
        text = tail(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * 1024 * 1024
    lines = text.split("\n")
    assert lines[-1] == "line 9999"
    # Whole lines only, although the cut fell somewhere in one.
    first = 10_000 - len(lines)
    assert lines == [f"line {n}" for n in range(first, 10_000)]
    assert logs.TAIL_BYTES - 20 < len(text) <= logs.TAIL_BYTES
