"""What is pushed with the real client to a double of the Hub, where to, and who may see it."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from huggingface_hub import ModelCard

from core.publish import demo_space
from core.runs.store import RunStore
from tests.command_line import CommandLine, end_processes_of, taken_device
from tests.core.conftest import LFS_ONLY, SHORT, TOKEN
from tests.core.publish.pushed import expect_whole
from tests.hub import HubDouble
from tests.waiting import wait_until

pytestmark = pytest.mark.process
# Large files go to a pull request in this way as they do by LFS.
XET_ONLY = pytest.mark.parametrize("hub", [True], indirect=True, ids=["xet"])


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


@LFS_ONLY
def test_an_adapter_is_merged_into_its_base_in_a_repository_that_stays_private(
    online: CommandLine, hub: HubDouble, trained: str, tmp_path: Path
) -> None:
    repo = hub.add_repo(repo_id="ada/whole", private=True)
    # What this push leaves would be loaded in the place of the next one's.
    assert online("push", trained, "ada/whole", "--public").returncode == 0
    assert repo.private
    # That it stays so was told beforehand.
    notes = [e["note"] for e in online.events(trained) if e["kind"] == "push_progress"]
    assert any("ada/whole (private)" in note for note in notes)

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
    # It does what base and adapter do together, and not what the base does alone.
    merged, alone = answers_compared(base=base, pushed=tmp_path / "pushed")
    assert merged < 1e-3 < alone


def answers_compared(*, base: Path, pushed: Path) -> tuple[float, float]:
    """How far the answers of what was pushed lie from those of base and adapter, and how far those
    of the base alone do.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def load(folder: Path) -> Any:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    ids = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]])
    with torch.no_grad():
        alone, merged = load(base)(ids).logits, load(pushed)(ids).logits
        both = PeftModel.from_pretrained(load(base), pushed / "adapter")(ids).logits
    return float((merged - both).abs().max()), float((alone - both).abs().max())


@LFS_ONLY
def test_what_a_licence_forbids_or_the_hub_lacks_is_told_before_training(
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

    proposed = SHORT.replace(
        "push_to_hub: true", "push_to_hub: true, owner: grace, pull_request: true"
    )
    hub.add_repo(repo_id="ada/taken", files={"notes.txt": b"Precious."}, private=True)
    taken = SHORT.replace("name: bot", "name: taken")
    told, lost, occupied = online.refusals(asking("nd", private="false"), proposed, taken)
    assert "ada/taken already has content" in occupied["output.name"]
    assert "1 file (notes.txt), last changed" in occupied["output.name"]
    assert "turn on `output.replace`" in occupied["output.name"]
    assert "forbids sharing" in told["output.hub_private_repo"]
    assert list(lost) == ["output.pull_request"]
    with taken_device(online.home):
        for name, private, words in (
            ("nd", "true", "forbids sharing"),
            ("nc", "false", "forbids commercial use"),
        ):
            run = online.start(asking(name, private=private))
            warnings = [e["text"] for e in online.events(run) if e["kind"] == "warning"]
            assert any(words in text for text in warnings), name
        run = online.start(taken.replace("name: taken", "name: taken, replace: true"))
        (warning,) = [e["text"] for e in online.events(run) if e["kind"] == "warning"]
        assert "will replace what is in ada/taken: 1 file (notes.txt)" in warning
        (allowed,) = [e for e in online.events(run) if e["kind"] == "replace_allowed"]
        assert allowed["commit"] == hub.repo(repo_id="ada/taken").head
        end_processes_of(online.home)


@LFS_ONLY
def test_nothing_goes_where_it_may_not_be_seen(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hers = hub.add_repo(repo_id="grace/bot")
    hub.add_repo(repo_id="ada/open", private=False)

    def expect_refusal(*arguments: str, words: str) -> None:
        done = online("push", trained, *arguments)
        assert done.returncode == 2, words
        assert words in done.stderr
        assert online.status(trained)["state"] == "done", words

    # A pull request needs a repository that is there, and must not show what is private.
    expect_refusal("grace/none", "--pull-request", words="grace/none")
    public_too = "a pull request to it would be public too"
    expect_refusal("grace/bot", "--pull-request", words=public_too)
    assert not hers.pull_requests

    expect_refusal("ada/open", words="already exists and is public")
    assert not has_weights(hub, "ada/open")
    assert online("push", trained, "ada/open", "--public").returncode == 0
    assert has_weights(hub, "ada/open")

    # What a licence forbids to share is not pushed for all later either.
    card = b"---\nlicense: cc-by-nd-4.0\n---\n"
    hub.add_repo(repo_id="acme/base", files={"README.md": card})
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    asked.write_text(text.replace("HuggingFaceTB/SmolLM2-135M-Instruct", "acme/base"), "utf-8")
    # The process that pushes asks about licences.
    done = online("push", trained, "ada/bot", "--public")
    assert done.returncode == 1
    assert "forbids sharing" in done.stderr
    assert not has_weights(hub, "ada/bot")


def has_weights(hub: HubDouble, repo: str) -> bool:
    return any(path.endswith(".safetensors") for path in hub.files(repo_id=repo))


@LFS_ONLY
def test_a_demo_that_was_made_public_gets_no_private_model(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    told = online("demo", trained, "--json")
    assert told.returncode == 0
    run = RunStore(online.home).open(trained)
    # The page shows it, too, and one is made at a time.
    assert demo_space.look(run) == demo_space.Demo.model_validate_json(told.stdout)
    with demo_space.claimed(run):
        assert "is being made already" in online("demo", trained).stderr
    repo = hub.repo(kind="space", repo_id="ada/bot-demo")
    assert repo.private
    assert "model/adapter_model.safetensors" in repo.tree
    # One that another run of this name has made since is that run's.
    mine, other = repo.head, "Demo of run 20260101-000000-0123abcd"
    hub.commit(kind="space", repo_id="ada/bot-demo", files={"app.py": b""}, title=other)
    refused = online("demo", trained)
    assert refused.returncode == 2
    assert "is the demo of another run, 20260101-000000-0123abcd" in refused.stderr
    repo.branches["main"] = mine
    repo.private = False
    refused = online("demo", trained)
    assert refused.returncode == 2
    assert "is now public" in refused.stderr


@XET_ONLY
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
    expect_whole(hub.files(repo_id="grace/bot", revision=made.ref), model=model)
    # What is theirs is theirs to delete.
    assert "model.safetensors" in proposed.tree
    pushed = next(e for e in online.events(trained) if e["kind"] == "pushed")
    assert pushed["commit"] == proposed.sha
    assert pushed["url"].endswith("/grace/bot/discussions/1")
    assert pushed["pull_request"] is True


def _environment(process: psutil.Process) -> dict[str, str]:
    """The variables a process was started with; none for one that has just ended."""
    try:
        return dict(process.environ())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}
