"""On a Hub that lacks all that not every Hub can, everything works, and it is told once."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from tests.command_line import CommandLine, end_processes_of, environment_of, processes_of
from tests.core.checkpoint_sync.synced_run import folder_of, repo_of, synced
from tests.core.conftest import TOKEN
from tests.core.publish.pushed import expect_whole
from tests.core.publish.tracked import send_curves, track
from tests.hub import HubDouble
from tests.waiting import wait_until

pytestmark = pytest.mark.process

RUN = """
version: 2
model: {name: acme/tiny}
dataset: {source: hub, name: ada/rows}
training: {max_steps: 4, per_device_train_batch_size: 2, save_steps: 2}
evaluation: {eval_steps: 2, max_eval_samples: 4}
method: {max_length: 256}
output: {name: bot, owner: acme, sync_checkpoints: true}
"""
ROWS = b"".join(b'{"prompt": "%d?", "completion": "It is %d."}\n' % (n, n) for n in range(40))


@pytest.fixture
def bare_hub(tmp_path: Path, tiny_model: Path) -> Iterator[HubDouble]:
    """With a public model that says in its README under which licence, and a private dataset."""
    with HubDouble(root=tmp_path / "hub", bare=True) as hub:
        hub.add_user(name="ada", token=TOKEN, orgs={"aaa": "write", "acme": "write"})
        model = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
        card = b"---\nlicense: cc-by-nc-4.0\n---\n"
        hub.add_repo(repo_id="acme/tiny", files={**model, "README.md": card})
        files = {"train.jsonl": ROWS}
        hub.add_repo(repo_id="ada/rows", kind="dataset", files=files, private=True)
        yield hub


@pytest.fixture
def bare(home: Path, bare_hub: HubDouble) -> Iterator[CommandLine]:
    """The command line with a token, on a machine that reaches the bare Hub."""
    environment = environment_of(home) | bare_hub.environment(home=home / "hf", token=TOKEN)
    yield CommandLine(home, environment)
    end_processes_of(home)


def test_a_run_goes_all_the_way_on_a_hub_that_can_only_what_every_hub_can(
    bare: CommandLine, bare_hub: HubDouble
) -> None:
    run = bare.start(RUN)
    assert bare.wait(run)["state"] == "done", bare.log(run)
    wait_until(lambda: not processes_of(bare.home))
    warnings = told(bare, run)
    # The licence is read in README.md; and "maintainer" is no word of ours.
    assert any("acme/tiny (cc-by-nc-4.0) forbids commercial use" in text for text in warnings)
    assert any("does not say whether this token may write to acme" in text for text in warnings)

    repo = repo_of(run).replace("ada/", "acme/")
    assert (synced(bare, run)["step"], synced(bare, run)["problem"]) == (4, "")
    lacks = " ".join(synced(bare, run)["lacks"])
    assert "no Xet storage" in lacks
    assert "can't squash" in lacks
    shutil.rmtree(folder_of(bare, run))
    restore_past_an_account_that_can_not_be_listed(bare, bare_hub, run)
    bare.resume(run)
    assert bare.wait(run)["state"] == "done", bare.log(run)

    pushed = bare("push", run, "acme/bot")
    assert pushed.returncode == 0, pushed.stderr
    assert f"{bare_hub.endpoint}/acme/bot" in pushed.stderr
    assert any("no Xet storage" in text for text in told(bare, run))
    there = bare_hub.files(repo_id="acme/bot")
    expect_whole(there, model=folder_of(bare, run) / "model")
    card = there["README.md"].decode()
    assert ModelCard(card).data.to_dict()["license"] == "cc-by-nc-4.0"
    assert f"HF_ENDPOINT={bare_hub.endpoint}" in card
    wait_until(lambda: not bare_hub.has_repo(repo_id=repo))

    demo = bare("demo", run, "--json")
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["url"] == f"{bare_hub.endpoint}/spaces/acme/bot-demo"
    assert bare_hub.has_repo(repo_id="acme/bot-demo", kind="space")
    variables = bare_hub.space("acme/bot-demo").variables
    assert variables["HF_ENDPOINT"].value == bare_hub.endpoint

    # Without buckets there is no dashboard; what was measured is on the Hub all the same.
    track(bare, run, "trackio")
    send_curves(bare, run)
    (tracked,) = [each for each in bare.events(run) if each["kind"] == "tracked"]
    assert tracked["url"] == f"{bare_hub.endpoint}/datasets/acme/smolfactory-experiments"
    assert "has no buckets" in told(bare, run)[-1]


def told(bare: CommandLine, run: str) -> list[str]:
    return [each["text"] for each in bare.events(run) if each["kind"] == "warning"]


def restore_past_an_account_that_can_not_be_listed(
    bare: CommandLine, hub: HubDouble, run: str
) -> None:
    # The first account whose models are listed, the token's own, is another than the run's.
    hub.fail(path="/api/models", method="GET", status=403)
    listed = bare("runs", "restorable", "--json")
    assert [each["run"] for each in json.loads(listed.stdout)] == [run]
    assert "The runs of ada could not be listed" in listed.stderr
    assert bare("runs", "restore", run).returncode == 0
