"""Pushing with the real client to a double of the Hub, and all the ways in which it goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from huggingface_hub import ModelCard

from tests.conftest import ROOT, CommandLine, wait_until
from tests.core.conftest import SHORT, TOKEN
from tests.hub import HubDouble


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
    model = online.home / "runs" / run / "model"
    for path in model.iterdir():
        if path.name != "README.md":
            assert there[path.name] == path.read_bytes()
    assert {"README.md", "smolfactory.yaml", "training.png"} <= there.keys()
    assert there["training.png"].startswith(b"\x89PNG")
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


def test_the_card_tells_what_the_model_is(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    assert online("push", trained, "ada/bot").returncode == 0
    card = hub.files(repo_id="ada/bot")["README.md"].decode()
    for fact in (
        "base_model: HuggingFaceTB/SmolLM2-135M-Instruct",
        "library_name: peft",
        "license: apache-2.0",
        "Evaluation loss",
        "facts_to_json",
        "Learning rate | 0.01",
        'from_pretrained("ada/bot")',
        "- trl 1.16.0",
    ):
        assert fact in card
    assert str(online.home) not in card
    # As the Hub's own client reads it.
    results = {result.metric_type: result for result in ModelCard(card).data.eval_results}
    assert results["loss"].metric_value > 0
    assert 0 <= results["accuracy"].metric_value <= 1
    assert results["loss"].dataset_name == "rows that were not trained on"


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_the_card_has_the_base_models_licence_with_its_name_and_link(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    terms = {"license": "other", "license_name": "own-terms", "license_link": "https://a.example/l"}
    front = "".join(f"{name}: {value}\n" for name, value in terms.items())
    hub.add_repo(repo_id="acme/base", files={"README.md": f"---\n{front}---\n".encode()})
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    asked.write_text(text.replace("HuggingFaceTB/SmolLM2-135M-Instruct", "acme/base"), "utf-8")
    assert online("push", trained, "ada/bot").returncode == 0
    card = ModelCard(hub.files(repo_id="ada/bot")["README.md"].decode()).data
    assert {name: card[name] for name in terms} == terms
    assert card["base_model"] == "acme/base"


def test_a_result_is_proposed_where_one_may_not_write(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    repo = hub.add_repo(repo_id="grace/bot", files={"README.md": b"Hers."})
    before = repo.head
    # It was opened, and nobody heard of it.
    hub.fail(path="/discussions", method="POST", after=True)
    assert online("push", trained, "grace/bot", "--pull-request").returncode == 1
    done = online("push", trained, "grace/bot", "--pull-request", "--json")
    assert done.returncode == 0, done.stderr
    (made,) = repo.pull_requests
    assert made.author == "ada"
    assert repo.head == before
    proposed = repo.at(made.ref)
    model = online.home / "runs" / trained / "model"
    assert {path.name for path in model.iterdir()} <= proposed.tree.keys()
    pushed = next(e for e in online.events(trained) if e["kind"] == "pushed")
    assert pushed["commit"] == proposed.sha
    assert pushed["url"].endswith("/grace/bot/discussions/1")
    assert pushed["pull_request"] is True


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_a_pull_request_needs_a_repository_that_is_there(online: CommandLine, trained: str) -> None:
    done = online("push", trained, "grace/none", "--pull-request")
    assert done.returncode == 1
    assert "grace/none" in done.stderr
    asked = SHORT.replace("push: true", "push: true, owner: grace, pull_request: true")
    (online.home / "run.yaml").write_text(asked, encoding="utf-8")
    refused = json.loads(online("train", str(online.home / "run.yaml"), "--json").stdout)
    assert refused["field"] == "output.pull_request"


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_a_private_repository_stays_private_and_that_is_told_beforehand(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    repo = hub.add_repo(repo_id="ada/bot", private=True)
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    assert repo.private
    notes = [e["note"] for e in online.events(trained) if e["kind"] == "push_progress"]
    assert any("ada/bot (private)" in note for note in notes)


def test_a_lost_answer_to_the_commit_is_looked_after(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.fail(path="/commit/", method="POST", after=True)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/bot")


# The client waits long between its tries, the same on both ways.
@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_faults_of_the_hub_leave_the_run_trained_and_a_second_push_mends_it(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    # The client itself does not try this one again, so it is not waited for long.
    fault = hub.fail(path="/commit/", status=500, times=None)
    done = online("push", trained, "acme/bot")
    assert done.returncode == 1
    assert fault.hits >= 3
    status = online.status(trained)
    assert status["state"] == "trained"
    assert "Push again" in done.stderr
    assert "Traceback" not in done.stderr

    hub.heal()
    assert online("push", trained, "acme/bot").returncode == 0
    assert online.status(trained)["state"] == "done"
    assert online.status(trained)["pushed_to"] == "acme/bot"


def test_a_token_revoked_in_the_middle_is_final_and_said(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/preupload/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", trained, "ada/bot"],
        cwd=ROOT, env=online.environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert hold.reached.wait(60)
    hub.revoke(token=TOKEN)
    hold.release()
    _, errors = push.communicate(timeout=200)
    assert push.returncode == 1
    assert "does not accept this token" in errors
    assert online.status(trained)["state"] == "trained"
    assert (online.home / "runs" / trained / "model" / "adapter_model.safetensors").exists()


def test_a_killed_push_leaves_the_model_and_goes_again(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/commit/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", trained, "ada/bot"],
        cwd=ROOT, env=online.environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert hold.reached.wait(60)
    for process in psutil.process_iter(["cmdline"]):
        if "core.supervisor" in (process.info["cmdline"] or []):
            process.kill()
    wait_until(lambda: push.poll() is not None)
    assert push.returncode == 1
    assert online.status(trained)["state"] == "trained"
    hold.release()
    assert online("push", trained, "ada/bot").returncode == 0
    assert online.status(trained)["state"] == "done"


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_private_results_never_go_where_everybody_can_see(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.add_repo(repo_id="ada/bot", private=False)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 1
    assert "everybody can see it" in done.stderr
    assert "adapter_model.safetensors" not in hub.files(repo_id="ada/bot")
    assert online("push", trained, "ada/bot", "--public").returncode == 0


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
@pytest.mark.parametrize(
    ("yaml", "field", "words"),
    [
        ("output: {push: true, owner: other}", "output.owner", "can't write to other"),
        ("output: {push: true, owner: stranger}", "output.owner", "can't write to stranger"),
        ("model: {name: acme/nothing}", "model.name", "does not know the model"),
        ("model: {name: closed/door}", "model.name", "it is gated"),
        ("model: {name: acme/pickled}", "model.name", "no safetensors"),
        ("model: {name: acme/coded}", "model.name", "code of its own"),
        ("model: {name: acme/coded, revision: v9}", "model.revision", "no such revision"),
        ("dataset: {source: hub, name: acme/nothing}", "dataset.name", "does not know"),
        ("dataset: {source: hub, name: closed/door}", "dataset.name", "it is gated"),
        ("dataset: {source: hub, name: acme/chats, split: dev}", "dataset.split", "no split 'dev'"),
        (
            "dataset: {source: hub, name: acme/chats, subset: x}",
            "dataset.subset",
            "no subset 'x'",
        ),
        (
            "dataset: {source: hub, name: acme/odd}",
            "dataset.shape",
            "has no columns that SmolFactory knows",
        ),
        (
            "dataset: {source: hub, name: acme/chats}\nevaluation: {split: dev}",
            "evaluation.split",
            "no split 'dev'",
        ),
    ],
)
def test_what_the_hub_would_refuse_is_told_before_training(
    online: CommandLine, hub: HubDouble, yaml: str, field: str, words: str
) -> None:
    _fill(hub)
    file = online.home / "run.yaml"
    file.write_text(f"version: 1\n{yaml}\n")
    done = online("train", str(file), "--json")
    assert done.returncode == 2, done.stderr
    answer = json.loads(done.stdout)
    assert words in answer["fields"][field], answer
    assert not (online.home / "runs").exists()


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_a_model_and_a_dataset_of_the_hub_are_trained(
    online: CommandLine, hub: HubDouble, tiny_model: Path
) -> None:
    _fill(hub)
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
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}


def _fill(hub: HubDouble) -> None:
    chats = b"".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"Say {n}."},
                    {"role": "assistant", "content": f"{n}"},
                ]
            }
        ).encode()
        + b"\n"
        for n in range(30)
    )
    hub.add_repo(repo_id="acme/chats", kind="dataset", files={"train.jsonl": chats})
    hub.add_repo(repo_id="acme/odd", kind="dataset", files={"train.jsonl": b'{"a": 1}\n'})
    hub.add_repo(
        repo_id="closed/door", kind="dataset", files={"train.jsonl": chats}, gated="manual"
    )
    hub.add_repo(repo_id="closed/door", files={"model.safetensors": b"x"}, gated="manual")
    hub.add_repo(repo_id="acme/pickled", files={"pytorch_model.bin": b"x"})
    coded = json.dumps({"auto_map": {"AutoModel": "model.Own"}}).encode()
    hub.add_repo(
        repo_id="acme/coded", files={"model.safetensors": b"x", "config.json": coded}
    )  # fmt: skip
