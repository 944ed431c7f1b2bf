"""The Hub double, seen through the real client libraries, each in a process of its own."""

import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.machine.source_tree import ROOT
from tests.hub import HubDouble

pytestmark = pytest.mark.process

ADA = "hf_ada_writes"
READER = "hf_ada_reads"
BOB = "hf_bob_writes"
FINE = "hf_ada_writes_bot_only"
PATIENCE = 120
WEIGHTS = os.urandom(12_000_000)

# Runs the scripts given to it; what each leaves in `result`, or its error, goes into the last line.
RUNNER = """
import inspect, json, sys
outcomes = []
for script in json.loads(sys.argv[1]):
    names = {"arguments": sys.argv[2:]}
    try:
        exec("from huggingface_hub import *\\napi = HfApi()\\n" + inspect.cleandoc(script), names)
        outcomes.append({"result": names.get("result")})
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        outcomes.append({"error": type(error).__name__, "status": status})
print(json.dumps(outcomes))
"""

UPLOAD = 'result = upload_folder(folder_path=arguments[0], repo_id="ada/bot").oid'
DOWNLOAD = 'result = snapshot_download("ada/bot", revision="main")'
LIST = """
    tree = list_repo_tree("ada/bot", recursive=True)
    result = {
        entry.path: [entry.size, entry.lfs and entry.lfs.sha256, entry.xet_hash]
        for entry in tree if hasattr(entry, "size")
    }
"""
LARGE = {"model.safetensors", "more/optimizer.bin"}


@pytest.fixture(params=["lfs", "xet"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDouble]:
    """A Hub for each way that large files travel."""
    with _hub(tmp_path, xet=request.param == "xet") as double:
        yield double


@pytest.fixture
def plain_hub(tmp_path: Path) -> Iterator[HubDouble]:
    """A Hub for what doesn't depend on how large files travel."""
    with _hub(tmp_path, xet=False) as double:
        yield double


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pushed"
    (path / "more").mkdir(parents=True)
    (path / "README.md").write_text(_card("license: mit"))
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "model.safetensors").write_bytes(WEIGHTS)
    (path / "more" / "optimizer.bin").write_bytes(WEIGHTS[:1_000_000])
    return path


@dataclass(frozen=True)
class Client:
    """The real client library in a process of its own, with a cache of its own."""

    home: Path

    def start(
        self, hub: HubDouble, scripts: Sequence[str], *arguments: object, token: str | None = ADA
    ) -> subprocess.Popen[str]:
        environment = {**os.environ, **hub.environment(home=self.home, token=token)}
        command = [sys.executable, "-c", RUNNER, json.dumps(scripts), *map(str, arguments)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str]) -> list[Any]:
        output = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0
        outcomes: list[Any] = json.loads(output.splitlines()[-1])
        return outcomes

    def run_all(
        self, hub: HubDouble, scripts: Sequence[str], *arguments: object, token: str | None = ADA
    ) -> list[Any]:
        """Run scripts one after another; each gives its `result`, or its `error` and `status`."""
        return self.finish(self.start(hub, scripts, *arguments, token=token))

    def run(self, hub: HubDouble, script: str, *arguments: object, token: str | None = ADA) -> Any:
        """Run one script that must succeed; returns its `result`."""
        return self.run_all(hub, [script], *arguments, token=token)[0]["result"]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "home")


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
    card = _card(f"configs:\n{configs}")
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


GATED = 'hf_hub_download("acme/gated", "a.json")'
PRIVATE = 'list_repo_files("ada/private")'
CREATE = 'create_repo("ada/new")'
WRITE = 'upload_file(path_or_fileobj=b"{}", path_in_repo="b.json", repo_id="acme/bot")'
STALE = WRITE.replace(")", ', parent_commit="1234567")')
BROKEN_CARD = WRITE.replace('b"{}"', r'b"---\nlicense: [\n---"').replace("b.json", "README.md")


@pytest.mark.parametrize(
    ("token", "refusals"),
    [
        (
            None,
            {
                GATED: ("GatedRepoError", 401),
                PRIVATE: ("RepositoryNotFoundError", 401),
                CREATE: ("HfHubHTTPError", 401),
                "whoami()": ("LocalTokenNotFoundError", None),
            },
        ),
        (
            BOB,
            {
                GATED: ("GatedRepoError", 403),
                PRIVATE: ("RepositoryNotFoundError", 404),
                WRITE: ("HfHubHTTPError", 403),
                CREATE: ("HfHubHTTPError", 403),
            },
        ),
        (READER, {WRITE: ("HfHubHTTPError", 403), CREATE: ("HfHubHTTPError", 403)}),
        (FINE, {CREATE: ("HfHubHTTPError", 403), PRIVATE: ("RepositoryNotFoundError", 404)}),
        (
            ADA,
            {
                'model_info("gpt2")': ("RepositoryNotFoundError", 404),
                'hf_hub_download("acme/bot", "b")': ("RemoteEntryNotFoundError", 404),
                'delete_file("b.json", "acme/bot")': ("RemoteEntryNotFoundError", 404),
                'model_info("acme/bot", revision="v9")': ("RevisionNotFoundError", 404),
                'create_repo("acme/bot")': ("HfHubHTTPError", 409),
                STALE: ("HfHubHTTPError", 412),
                BROKEN_CARD: ("ValueError", None),
            },
        ),
        (
            "hf_revoked",
            dict.fromkeys(("whoami()", GATED, PRIVATE, CREATE, WRITE), ("HfHubHTTPError", 401)),
        ),
    ],
    ids=["stranger", "outsider", "reader", "fine-grained", "writer", "revoked"],
)
def test_refusals_are_the_clients_own_exceptions(
    plain_hub: HubDouble,
    client: Client,
    token: str | None,
    refusals: dict[str, tuple[str, int | None]],
) -> None:
    _furnish(plain_hub)
    plain_hub.add_user(name="ada", token="hf_revoked")
    plain_hub.revoke(token="hf_revoked")
    outcomes = client.run_all(plain_hub, list(refusals), token=token)
    met = {
        script: (outcome.get("error"), outcome.get("status"))
        for script, outcome in zip(refusals, outcomes, strict=True)
    }
    assert met == refusals


def test_what_is_allowed_is_done(plain_hub: HubDouble, client: Client) -> None:
    _furnish(plain_hub)
    allowed = [GATED, PRIVATE, CREATE, 'create_repo("ada/private", exist_ok=True)']
    assert client.run_all(plain_hub, allowed) == [{"result": None}] * len(allowed)
    client.run(plain_hub, WRITE, token=FINE)
    assert plain_hub.files(repo_id="acme/bot")["b.json"] == b"{}"


def test_whoami_tells_kinds_of_tokens_apart(plain_hub: HubDouble, client: Client) -> None:
    plain_hub.add_user(name="ada", token="hf_signed_in", role="oauth")
    script = "result = [whoami(token) for token in arguments]"
    told = client.run(plain_hub, script, ADA, READER, FINE, "hf_signed_in")
    assert {(who["name"], who["orgs"][0]["name"]) for who in told} == {("ada", "acme")}
    access = [who["auth"].get("accessToken") for who in told]
    assert [token and token["role"] for token in access] == ["write", "read", "fineGrained", None]
    scope = access[2]["fineGrained"]["scoped"][0]
    assert (scope["entity"]["name"], scope["permissions"]) == ("acme/bot", ["repo.write"])


def test_settings_refs_search_and_deletion(plain_hub: HubDouble, client: Client) -> None:
    _furnish(plain_hub)
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


def test_broken_cards_are_refused(plain_hub: HubDouble, client: Client) -> None:
    cards = [
        "license: mit\nlicense: apache-2.0",
        "license: mine-alone",
        "base_model: ./runs/1/model",
        "language: english",
        "- a list",
        "tags: [1]",
    ]
    scripts = [f"api._validate_yaml({_card(metadata)!r})" for metadata in cards]
    outcomes = client.run_all(plain_hub, scripts)
    assert outcomes == [{"error": "ValueError", "status": None}] * len(cards)


def test_error_then_answer(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", files={"a.json": b"{}"})
    fault = hub.fail(method="GET", path="/tree/", status=500)
    assert "a.json" in client.run(hub, LIST)
    assert fault.hits == 1
    assert hub.count(path="/tree/") == 2


def test_lost_commit_answer_leaves_the_commit(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    before = len(hub.repo(repo_id="ada/bot").commits)
    hub.fail(method="POST", path="/commit/", status=None, after=True)
    outcome, again = client.run_all(hub, [UPLOAD, UPLOAD], folder)
    made = len(hub.repo(repo_id="ada/bot").commits) - before
    assert hub.files(repo_id="ada/bot")["model.safetensors"] == WEIGHTS
    assert again == {"result": hub.repo(repo_id="ada/bot").head}
    if hub.count(path="/xet-write-token/"):
        # The client's Xet way sends the commit again, its other way never does.
        assert (outcome, made) == (again, 2)
    else:
        assert (outcome["error"], made) == ("RemoteProtocolError", 1)


def test_token_revoked_while_a_push_waits(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    hold = hub.hold(method="POST", path="/commit/")
    process = client.start(hub, [UPLOAD], folder)
    assert hold.reached.wait(timeout=PATIENCE)
    hub.revoke(token=ADA)
    hold.release()
    assert client.finish(process) == [{"error": "HfHubHTTPError", "status": 401}]
    assert "model.safetensors" not in hub.files(repo_id="ada/bot")


def test_stopped_hub_comes_back_where_it_was(plain_hub: HubDouble, client: Client) -> None:
    _furnish(plain_hub)
    endpoint = plain_hub.endpoint
    script = 'result = model_info("acme/bot").id'
    plain_hub.stop()
    assert client.run_all(plain_hub, [script]) == [{"error": "ConnectError", "status": None}]
    plain_hub.start()
    assert plain_hub.endpoint == endpoint
    assert client.run(plain_hub, script) == "acme/bot"


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


def _hub(root: Path, *, xet: bool) -> HubDouble:
    hub = HubDouble(root=root / "hub", xet=xet)
    hub.add_user(name="ada", token=ADA, orgs={"acme": "write"})
    hub.add_user(name="ada", token=READER, role="read")
    hub.add_user(name="ada", token=FINE, role="fineGrained", scopes={"acme/bot": ["repo.write"]})
    hub.add_user(name="bob", token=BOB)
    return hub


def _furnish(hub: HubDouble) -> None:
    hub.add_repo(repo_id="acme/bot")
    hub.add_repo(repo_id="acme/gated", gated=True, files={"a.json": b"{}"})
    hub.add_repo(repo_id="ada/private", private=True, files={"a.json": b"{}"})


def _push(hub: HubDouble, weights: bytes) -> str:
    return hub.commit(repo_id="ada/bot", files={"model.safetensors": weights})


def _card(metadata: str) -> str:
    return f"---\n{metadata}\n---\n"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {number}" for number in range(rows)]}), file)
    return file.getvalue()
