"""What can be known before a run is made is told before it is made."""

import shutil
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from core.data.previewer import Previewer
from core.errors import InvalidConfig
from core.jobs.preflight import SPARE_BYTES, check
from tests.core.train.asked import Asked, rows


def test_start_is_refused_where_the_tokens_have_no_room(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Previewer()) as previewer:
        asked = Asked(previewer, home, tmp_path)
        asked.settle(rows(*range(3000)))
        look = asked.look()
    usage = namedtuple("usage", ["total", "used", "free"])
    for room, fits in ((look.statistics.token_bytes // 2, False), (10**9, True)):
        disk = usage(total=10**12, used=0, free=SPARE_BYTES + room)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, disk=disk: disk)
        settled = {"files": asked.files, "home": asked.home, "token": None, "report": print}
        if fits:
            check(asked.config, **settled)
        else:
            with pytest.raises(InvalidConfig, match="GB of disk") as caught:
                check(asked.config, **settled)
            assert set(caught.value.fields) == {"dataset.files"}
    asked.loaded()
    (made,) = (asked.home / "tokens").iterdir()
    told, real = look.statistics.token_bytes / look.statistics.read, made.stat().st_size / 3000
    assert 0.8 < told / real < 1.25
