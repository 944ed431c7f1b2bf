"""What the trainer loads, where tokens that were kept could lead it astray."""

from contextlib import closing
from pathlib import Path

import pytest

from core.data.previewer import Previewer
from core.train.tokens.encode import NO_TOOLS
from tests.core.train.asked import Asked

CALLED = {
    "messages": [
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"place": "Oslo"}}}],
        },
        {"role": "assistant", "content": "Yes."},
    ]
}


@pytest.fixture
def asked(home: Path, tmp_path: Path) -> Asked:
    return Asked(Previewer(), home, tmp_path)


def test_the_same_bytes_under_another_ending_are_other_rows(asked: Asked, tmp_path: Path) -> None:
    read_as = {}
    for name in ("rows.csv", "rows.txt"):
        file = tmp_path / name
        file.write_text("text\nOne\nTwo\n", encoding="utf-8")
        asked.choose(file, method={"assistant_only_loss": False})
        train, _ = asked.loaded()
        read_as[name] = train.total()
    # The first line of a csv names its columns.
    assert read_as == {"rows.csv": 2, "rows.txt": 3}


def test_tokens_that_were_kept_warn_as_they_did_when_they_were_made(asked: Asked) -> None:
    asked.settle([CALLED, CALLED])
    with closing(asked.previewer):
        assert NO_TOOLS in asked.look().warnings
    for _ in range(2):
        assert NO_TOOLS in asked.load().warnings
    assert len(list((asked.home / "tokens").iterdir())) == 1
