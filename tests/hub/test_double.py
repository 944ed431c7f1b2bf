"""The Hub double, seen through the real client libraries, each in a process of its own."""

import hashlib
import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.machine.source_tree import ROOT
from tests.hub import HubDouble
from tests.hub.client import BOB, DOWNLOAD, LIST, UPLOAD, Client
from tests.hub.conftest import WEIGHTS, card_of, furnish

pytestmark = pytest.mark.process
LARGE = {"model.safetensors", "more/optimizer.bin"}


def test_pushed_folder_comes_back_whole(hub: HubDouble, folder: Path, client: Client) -> None:
    made, sha, listed, fetched = client.run_all(
        hub, ['result = create_repo("ada/bot", private=True)', UPLOAD, LIST, DOWNLOAD], folder
    )
    assert made == {"result": hub.url(repo_id="ada/bot")}
    assert sha == {"result": hub.repo(repo_id="ada/bot").head}
    assert hub.repo(repo_id="ada/bot").private
    pushed = _contents(folder)
    kept = hub.files(repo_id="ada/bot")
    assert kept == pushed | {".gitattributes": kept[".gitattributes"]}
    assert _contents(Path(fetched["result"])) == kept
    assert {path: entry[:2] for path, entry in listed["result"].items()} == {
        path: [len(data), _sha256(data) if path in LARGE else None] for path, data in kept.items()
    }


def test_large_files_travel_as_the_leg_says(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", private=True)
    listed = client.run_all(hub, [UPLOAD, DOWNLOAD, LIST], folder)[2]["result"]
    by_xet = hub.count(path="/xet-write-token/") > 0
    assert {path for path, (*_, xet_hash) in listed.items() if xet_hash} == (
        LARGE if by_xet else set()
    )
    assert by_xet is (hub.count(path="/xet-read-token/") > 0)
    assert by_xet is not (hub.count(method="PUT", path="/storage/") > 0)
    assert by_xet is not (hub.count(method="GET", path="/stored/") > 0)
    # Large files lie on another host, which must never see a token.
    assert not [sent for sent in hub.requests if sent.authorized and "localhost" in sent.host]


def test_pinned_revision_stays_what_it_was(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    changing = {_push(hub, data): data for data in (b"\0old", b"\0new")}
    scripts = [DOWNLOAD.replace("main", sha) for sha in (*changing, "0" * 40)]
    *fetched, lost = client.run_all(hub, scripts)
    found = [Path(outcome["result"], "model.safetensors").read_bytes() for outcome in fetched]
    assert found == [*changing.values()]
    assert lost == {"error": "RevisionNotFoundError", "status": 404}


def test_unchanged_push_makes_no_commit(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    first, second = client.run_all(hub, [UPLOAD, UPLOAD], folder)
    assert first == second == {"result": hub.repo(repo_id="ada/bot").head}


def test_two_pushes_at_once_both_arrive(hub: HubDouble, folder: Path, client: Client) -> None:
    names = ("ada/one", "ada/two")
    for name in names:
        hub.add_repo(repo_id=name)
    running = [client.start(hub, [UPLOAD.replace("ada/bot", name)], folder) for name in names]
    outcomes = [client.finish(process) for process in running]
    assert outcomes == [[{"result": hub.repo(repo_id=name).head}] for name in names]
    for name in names:
        assert hub.files(repo_id=name)["model.safetensors"] == WEIGHTS


@pytest.mark.parametrize("hub", ["xet"], indirect=True)
def test_load_dataset_finds_splits_and_subsets(hub: HubDouble, client: Client) -> None:
    hub.add_repo(
        kind="dataset",
        repo_id="acme/chats",
        files={"data/train.parquet": _parquet(5), "data/test.parquet": _parquet(2)},
    )
    configs = "\n".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/*.jsonl"
        for name in ("easy", "hard")
    )
    card = card_of(f"configs:\n{configs}")
    rows = {f"{name}/rows.jsonl": f'{{"text": "{name}"}}\n'.encode() for name in ("easy", "hard")}
    hub.add_repo(kind="dataset", repo_id="acme/levels", files={"README.md": card.encode(), **rows})
    hub.add_repo(kind="dataset", repo_id="acme/gated", gated=True, files=rows)
    script = """
        from datasets import get_dataset_config_names, load_dataset
        chats = load_dataset("acme/chats")
        try:
            load_dataset("acme/gated")
        except Exception as error:
            refusal = [type(error).__name__, str(error)]
        result = {
            "sizes": {split: len(rows) for split, rows in chats.items()},
            "streamed": list(load_dataset("acme/chats", split="train", streaming=True).take(1)),
            "subsets": get_dataset_config_names("acme/levels"),
            "hard": load_dataset("acme/levels", "hard", split="train").to_list(),
            "refusal": refusal,
        }
    """
    found = client.run(hub, script, token=BOB)
    assert found["sizes"] == {"train": 5, "test": 2}
    assert found["streamed"] == [{"text": "row 0"}]
    assert found["subsets"] == ["easy", "hard"]
    assert found["hard"] == [{"text": "hard"}]
    assert found["refusal"][0] == "DatasetNotFoundError"
    assert "gated" in found["refusal"][1]


@pytest.mark.parametrize("hub", ["xet"], indirect=True)
def test_transformers_push_and_load(hub: HubDouble, client: Client) -> None:
    script = """
        import torch
        from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
        sizes = {"hidden_size": 16, "intermediate_size": 32, "vocab_size": 64}
        config = LlamaConfig(num_hidden_layers=1, num_attention_heads=2, **sizes)
        pushed = LlamaForCausalLM(config)
        pushed.push_to_hub("ada/tiny", private=True)
        loaded = AutoModelForCausalLM.from_pretrained("ada/tiny")
        pairs = zip(pushed.parameters(), loaded.parameters(), strict=True)
        result = {
            "equal": all(torch.equal(*pair) for pair in pairs),
            "count": model_info("ada/tiny").safetensors.total,
            "types": list(get_safetensors_metadata("ada/tiny").parameter_count),
        }
    """
    assert client.run(hub, script) == {"equal": True, "count": 4656, "types": ["F32"]}


def test_settings_refs_search_and_deletion(plain_hub: HubDouble, client: Client) -> None:
    furnish(plain_hub)
    script = """
        update_repo_settings("ada/private", private=False, gated="manual")
        create_tag("ada/private", tag="v1")
        create_branch("ada/private", branch="feature/one")
        upload_file(path_or_fileobj=b"1", path_in_repo="b", repo_id="ada/private",
                    revision="feature/one")
        delete_repo("acme/bot")
        result = {
            "gated": model_info("ada/private", expand=["gated"]).gated,
            "found": [model.id for model in list_models(search="priv")],
            "gone": repo_exists("acme/bot"),
            "refs": [ref.name for ref in list_repo_refs("ada/private").branches],
            "on_branch": file_exists("ada/private", "b", revision="feature/one"),
            "on_main": file_exists("ada/private", "b"),
            "at_tag": [f.path for f in get_paths_info("ada/private", ["a.json"], revision="v1")],
            "titles": [commit.title for commit in list_repo_commits("ada/private")],
        }
    """
    assert client.run(plain_hub, script) == {
        "gated": "manual",
        "found": ["ada/private"],
        "gone": False,
        "refs": ["main", "feature/one"],
        "on_branch": True,
        "on_main": False,
        "at_tag": ["a.json"],
        "titles": ["Add", "initial commit"],
    }
    assert not plain_hub.repo(repo_id="ada/private").private


def test_part_of_a_file_can_be_fetched(plain_hub: HubDouble) -> None:
    plain_hub.add_repo(repo_id="ada/bot", files={"a.txt": b"0123456789"})
    request = urllib.request.Request(
        f"{plain_hub.endpoint}/ada/bot/resolve/main/a.txt", headers={"Range": "bytes=2-4"}
    )
    with urllib.request.urlopen(request) as response:
        assert (response.status, response.read()) == (206, b"234")
        assert response.headers["Content-Range"] == "bytes 2-4/10"


def test_bytes_other_than_announced_are_refused(plain_hub: HubDouble) -> None:
    url = f"{plain_hub.endpoint}/storage/{'0' * 64}"
    request = urllib.request.Request(url, data=b"other", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_runs_by_hand(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hub", "--root", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        variables = dict(
            line.removeprefix("export ").strip().split("=") for line in lines if "=" in line
        )
        request = urllib.request.Request(
            f"{variables['HF_ENDPOINT']}/api/whoami-v2",
            headers={"Authorization": f"Bearer {variables['HF_TOKEN']}"},
        )
        with urllib.request.urlopen(request) as response:
            assert json.load(response)["name"] == "ada"
        process.terminate()


def _push(hub: HubDouble, weights: bytes) -> str:
    return hub.commit(repo_id="ada/bot", files={"model.safetensors": weights})


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {number}" for number in range(rows)]}), file)
    return file.getvalue()
