"""Pushing with the real client to a double of the Hub, and all the ways in which it goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from huggingface_hub import ModelCard, ModelCardData

from core.machine.source_tree import ROOT
from tests.conftest import CommandLine, processes_of, taken_device, wait_until
from tests.core.conftest import SHORT, TOKEN
from tests.hub import HubDouble

pytestmark = pytest.mark.process

LFS_ONLY = pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
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
def test_the_card_tells_what_the_model_is_and_shows_its_answers(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    samples = [e for e in online.events(trained) if e["kind"] == "sample"]
    assert len(samples) == 3
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
        f"[HuggingFaceTB/SmolLM2-135M-Instruct]({hub.endpoint}/HuggingFaceTB/SmolLM2-135M-Instruct)",
    ):
        assert fact in card
    assert str(online.home) not in card
    # As the Hub's own client reads it.
    told = ModelCard(card).data
    assert isinstance(told, ModelCardData)
    results = {result.metric_type: result for result in told.eval_results or []}
    assert results["loss"].metric_value > 0
    assert 0 <= results["accuracy"].metric_value <= 1
    assert results["loss"].dataset_name == "rows that were not trained on"
    for sample in samples:
        assert sample["prompt"] in card
        assert sample["reference"] in card
    held_out = (ROOT / "templates/datasets/facts_to_json/test.jsonl").read_text(encoding="utf-8")
    assert all(sample["prompt"] in held_out for sample in samples)


@LFS_ONLY
def test_rows_and_names_of_ones_own_files_are_not_shown_to_everybody(
    online: CommandLine, hub: HubDouble
) -> None:
    rows = [f'"What is {n}?","It is the secret number {n}."' for n in range(40)]
    mine = online.home / "mine.csv"
    mine.write_text("prompt,completion\n" + "\n".join(rows), encoding="utf-8")
    own = SHORT.replace("push_to_hub: true", "push_to_hub: false")
    run = online.start(own + "dataset: {source: upload, files: [mine.csv]}\n")
    assert online.wait(run)["state"] == "done", online.log(run)
    assert online("push", run, "ada/for-me").returncode == 0
    assert "secret number" in hub.files(repo_id="ada/for-me")["README.md"].decode()
    assert online("push", run, "ada/for-all", "--public").returncode == 0
    public = hub.files(repo_id="ada/for-all")
    assert "secret number" not in public["README.md"].decode()
    assert [path for path, data in public.items() if b"mine.csv" in data] == []
    assert "file-1.csv" in public["smolfactory.yaml"].decode()


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
def test_rows_behind_a_gate_are_not_shown_to_everybody(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.add_repo(repo_id="closed/rows", kind="dataset", gated="manual")
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    on_hub = text.replace("source: builtin", "source: hub")
    on_hub = on_hub.replace("name: null", "name: closed/rows")
    asked.write_text(on_hub, encoding="utf-8")
    assert "closed/rows" in asked.read_text(encoding="utf-8")
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    assert "did not train on" not in hub.files(repo_id="ada/bot")["README.md"].decode()


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


@LFS_ONLY
def test_every_fault_of_a_push_leaves_the_model_and_a_remedy(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    faults: dict[int | str | None, str] = {
        "quota": "has no storage left",
        402: "requires payment",
        401: "does not accept this token",
        403: "has no permission for",
        429: "limiting the rate",
        409: "Someone else wrote to",
        500: "has a fault of its own",
        None: "did not respond",
    }
    for fault, words in faults.items():
        if isinstance(fault, str):
            hub.over_quota("acme")
        else:
            hub.fail(path="/commit/", status=fault, times=None)
        done = online("push", trained, "acme/bot")
        assert done.returncode == 1, words
        assert words in done.stderr
        assert "Push again" in done.stderr
        assert "Traceback" not in done.stderr
        assert online.status(trained)["state"] == "trained", words
        hub.heal()
        hub.over_quota()
    # The client itself does not try a commit again: what does is ours.
    away = hub.fail(path="/commit/", status=500, times=2)
    assert online("push", trained, "acme/bot").returncode == 0
    assert away.hits == 2
    status = online.status(trained)
    assert (status["state"], status["pushed_to"]) == ("done", "acme/bot")


@LFS_ONLY
def test_a_slow_hub_is_waited_for(online: CommandLine, hub: HubDouble, trained: str) -> None:
    hub.slow(path="/commit/", seconds=3)
    hub.fail(path="/commit/", status=429, headers={"Retry-After": "2"})
    assert online("push", trained, "ada/bot").returncode == 0


@LFS_ONLY
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


def test_a_lost_answer_to_the_commit_is_looked_after(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.fail(path="/commit/", method="POST", after=True)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/bot")


@LFS_ONLY
@pytest.mark.parametrize(
    "paths",
    [
        ("/whoami-v2", "/models/ada/bot/tree/"),
        ("/repos/create", "/preupload/"),
        ("/models/ada/bot",),
    ],
)
def test_one_fault_on_the_way_is_waited_out(
    online: CommandLine, hub: HubDouble, trained: str, paths: tuple[str, ...]
) -> None:
    """Of two, the first is on the way to the repository, the second on that of the files."""
    faults = [hub.fail(path=path, status=502, times=1) for path in paths]
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert [fault.hits for fault in faults] == [1] * len(paths)
    assert online.status(trained)["pushed_to"] == "ada/bot"


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
    for process in processes_of(online.home):
        if "core.jobs.supervisor" in process.cmdline():
            process.kill()
    wait_until(lambda: push.poll() is not None)
    assert push.returncode == 1
    assert online.status(trained)["state"] == "trained"
    hold.release()
    assert online("push", trained, "ada/bot").returncode == 0
    assert online.status(trained)["state"] == "done"


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
