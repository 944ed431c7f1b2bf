"""What is pushed with the real client to a double of the Hub, where to, and who may see it."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from huggingface_hub import ModelCard

from tests.command_line import CommandLine, taken_device
from tests.core.conftest import LFS_ONLY, SHORT, TOKEN
from tests.hub import HubDouble
from tests.waiting import wait_until

pytestmark = pytest.mark.process


# How far the answers of what was pushed lie from those of base and adapter together, and how far
# those of the base alone do.
SAME_ANSWERS = """
import json, sys
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

base, pushed = sys.argv[1:]
ids = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]])
with torch.no_grad():
    alone, merged = load(base)(ids).logits, load(pushed)(ids).logits
    both = PeftModel.from_pretrained(load(base), pushed + "/adapter")(ids).logits
print(json.dumps([float((merged - both).abs().max()), float((alone - both).abs().max())]))
"""


@LFS_ONLY
def test_a_run_pushes_itself_in_private_and_verifies(online: CommandLine, hub: HubDouble) -> None:
    run = online.start(SHORT)
    seen: set[str] = set()
    trainers: list[dict[str, str]] = []

    def ended() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            seen.update(words)
            if "core.train" in words and str(online.home) in words[-1]:
                trainers.append(_environment(process))
        return online.events(run)[-1].get("state") in ("done", "trained", "failed")

    wait_until(ended)
    assert online.wait(run)["state"] == "done", online.log(run)
    assert hub.repo(repo_id="ada/bot").private
    there = hub.files(repo_id="ada/bot")
    expect_whole(there, model=online.home / "runs" / run / "model")
    pushed = next(e for e in online.events(run) if e["kind"] == "pushed")
    assert pushed["private"] is True
    assert pushed["commit"] == hub.repo(repo_id="ada/bot").head

    assert not any(TOKEN in word for word in seen)
    # Neither its model nor its data needs one, so the trainer has none.
    assert any(trainers)
    assert not any(TOKEN in value for known in trainers for value in known.values())
    holders = [
        p for p in online.home.rglob("*") if p.is_file() and TOKEN.encode() in p.read_bytes()
    ]
    assert holders == []
    assert not any(TOKEN.encode() in content for content in there.values())
    # Of tracking, which nobody asked for, the Hub was asked nothing.
    assert hub.count(path="datasets") == 0
    assert hub.count(path="spaces") == 0
    assert not any(e["kind"] == "tracked" for e in online.events(run))


def expect_whole(there: dict[str, bytes], *, model: Path) -> None:
    for path in model.iterdir():
        if path.name != "README.md":
            assert there[path.name] == path.read_bytes()
    assert {"README.md", "smolfactory.yaml", "training.png"} <= there.keys()
    assert there["training.png"].startswith(b"\x89PNG")


def test_what_is_pushed_is_there_byte_for_byte(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    assert online("push", trained, "ada/bot").returncode == 0
    expect_whole(hub.files(repo_id="ada/bot"), model=online.home / "runs" / trained / "model")
    assert online.status(trained)["state"] == "done"


@LFS_ONLY
def test_an_adapter_is_merged_into_its_base(
    online: CommandLine, hub: HubDouble, trained: str, tmp_path: Path
) -> None:
    # What an earlier push left would be loaded in its place.
    assert online("push", trained, "ada/whole").returncode == 0
    assert online("push", trained, "ada/whole", "--weights", "both").returncode == 0
    files = hub.files(repo_id="ada/whole")
    assert {"model.safetensors", "tokenizer.json", "adapter/adapter_model.safetensors"} <= set(
        files
    )
    assert "adapter_config.json" not in files
    front = ModelCard(files["README.md"].decode()).data
    assert (front["library_name"], front["base_model_relation"]) == ("transformers", "finetune")
    for path, data in files.items():
        (tmp_path / "pushed" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pushed" / path).write_bytes(data)
    base = online.home / "models" / "SmolLM2-135M-Instruct"
    told = subprocess.run(
        [sys.executable, "-c", SAME_ANSWERS, str(base), str(tmp_path / "pushed")],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    # It does what base and adapter do together, and not what the base does alone.
    merged, alone = json.loads(told.stdout.splitlines()[-1])
    assert merged < 1e-3 < alone


@LFS_ONLY
def test_what_a_licence_forbids_is_told_before_training(
    online: CommandLine, hub: HubDouble
) -> None:
    for name, licence in (("nd", "cc-by-nd-4.0"), ("nc", "cc-by-nc-4.0")):
        files = {
            "README.md": f"---\nlicense: {licence}\n---\n".encode(),
            "train.jsonl": b'{"prompt": "a", "completion": "b"}\n' * 20,
        }
        hub.add_repo(repo_id=f"acme/{name}", kind="dataset", files=files)

    def asking(name: str, *, private: str) -> str:
        asked = SHORT.replace(
            "push_to_hub: true", f"push_to_hub: true, hub_private_repo: {private}"
        )
        return asked + f"dataset: {{source: hub, name: acme/{name}}}\n"

    (told,) = online.refusals(asking("nd", private="false"))
    assert "forbids sharing" in told["output.hub_private_repo"]
    with taken_device(online.home):
        for name, private, words in (
            ("nd", "true", "forbids sharing"),
            ("nc", "false", "forbids commercial use"),
        ):
            run = online.start(asking(name, private=private))
            warnings = [e["text"] for e in online.events(run) if e["kind"] == "warning"]
            assert any(words in text for text in warnings), name
            assert online("runs", "stop", run, "--now").returncode == 0


@LFS_ONLY
def test_what_may_not_be_shared_is_not_pushed_for_all_later_either(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    card = b"---\nlicense: cc-by-nd-4.0\n---\n"
    hub.add_repo(repo_id="acme/base", files={"README.md": card})
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    asked.write_text(text.replace("HuggingFaceTB/SmolLM2-135M-Instruct", "acme/base"), "utf-8")
    refused = online("push", trained, "ada/bot", "--public")
    assert refused.returncode == 1
    assert "forbids sharing" in refused.stderr
    assert not any(path.endswith(".safetensors") for path in hub.files(repo_id="ada/bot"))


@LFS_ONLY
def test_a_demo_that_was_made_public_gets_no_private_model(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    assert online("demo", trained).returncode == 0
    repo = hub.repo(kind="space", repo_id="ada/bot-demo")
    assert repo.private
    assert "model/adapter_model.safetensors" in repo.tree
    repo.private = False
    refused = online("demo", trained)
    assert refused.returncode == 2
    assert "is now public" in refused.stderr


def test_a_result_is_proposed_where_one_may_not_write(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hers = {"README.md": b"Hers.", "model.safetensors": b"Hers too."}
    repo = hub.add_repo(repo_id="grace/bot", files=hers)
    before = repo.head
    # It is opened, and nobody hears of it.
    hub.fail(path="/discussions", method="POST", after=True)
    done = online("push", trained, "grace/bot", "--pull-request", "--public", "--json")
    assert done.returncode == 0, done.stderr
    (made,) = repo.pull_requests
    assert made.author == "ada"
    assert repo.head == before
    proposed = repo.at(made.ref)
    model = online.home / "runs" / trained / "model"
    assert {path.name for path in model.iterdir()} <= proposed.tree.keys()
    # What is theirs is theirs to delete.
    assert "model.safetensors" in proposed.tree
    pushed = next(e for e in online.events(trained) if e["kind"] == "pushed")
    assert pushed["commit"] == proposed.sha
    assert pushed["url"].endswith("/grace/bot/discussions/1")
    assert pushed["pull_request"] is True


@LFS_ONLY
def test_a_pull_request_needs_a_repository_that_is_there(online: CommandLine, trained: str) -> None:
    done = online("push", trained, "grace/none", "--pull-request")
    assert done.returncode == 1
    assert "grace/none" in done.stderr
    asked = SHORT.replace(
        "push_to_hub: true", "push_to_hub: true, owner: grace, pull_request: true"
    )
    (online.home / "run.yaml").write_text(asked, encoding="utf-8")
    refused = json.loads(online("train", str(online.home / "run.yaml"), "--json").stdout)
    assert refused["field"] == "output.pull_request"


@LFS_ONLY
def test_what_is_private_is_not_proposed_where_everybody_sees_it(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    repo = hub.add_repo(repo_id="grace/bot")
    done = online("push", trained, "grace/bot", "--pull-request")
    assert done.returncode == 1
    assert "a pull request to it would be public too" in done.stderr
    assert not repo.pull_requests


@LFS_ONLY
def test_a_private_repository_stays_private_and_that_is_told_beforehand(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    repo = hub.add_repo(repo_id="ada/bot", private=True)
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    assert repo.private
    notes = [e["note"] for e in online.events(trained) if e["kind"] == "push_progress"]
    assert any("ada/bot (private)" in note for note in notes)


@LFS_ONLY
def test_private_results_never_go_where_everybody_can_see(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.add_repo(repo_id="ada/bot", private=False)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 1
    assert "already exists and is public" in done.stderr
    assert "adapter_model.safetensors" not in hub.files(repo_id="ada/bot")
    assert online("push", trained, "ada/bot", "--public").returncode == 0


@LFS_ONLY
def test_a_model_and_a_dataset_of_the_hub_are_trained(
    online: CommandLine, hub: HubDouble, tiny_model: Path
) -> None:
    chat = '{"messages": [{"role": "user", "content": "Say it."}, '
    chat += '{"role": "assistant", "content": "It."}]}\n'
    hub.add_repo(
        repo_id="acme/chats", kind="dataset", files={"train.jsonl": chat.encode() * 30}
    )  # fmt: skip
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    hub.add_repo(repo_id="ada/tiny", files=files, private=True)
    run = online.start(
        SHORT + "model: {name: ada/tiny}\n"
        "dataset: {source: hub, name: acme/chats}\n"
    )  # fmt: skip
    assert online.wait(run)["state"] == "done", online.log(run)
    resolved = (online.home / "runs" / run / "resolved.yaml").read_text()
    assert f"model_revision: {hub.repo(repo_id='ada/tiny').head}" in resolved
    assert "base_model: ada/tiny" in hub.files(repo_id="ada/bot")["README.md"].decode()


def _environment(process: psutil.Process) -> dict[str, str]:
    """The variables a process was started with; none for one that has just ended."""
    try:
        return dict(process.environ())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}
