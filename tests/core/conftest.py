"""A machine that reaches the double of the Hub, and a home with a run that has trained."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from safetensors.numpy import load_file

from tests.command_line import CommandLine, end_processes_of, environment_of, processes_of
from tests.conftest import made_once
from tests.hub import HubDouble
from tests.waiting import wait_until
from tests.warm import HUB_HOME

TOKEN = "hf_CanaryThatMustNeverReachADisk0123456789"
SHORT = """
version: 2
training: {max_steps: 4, per_device_train_batch_size: 2, learning_rate: 0.01}
evaluation: {eval_steps: 2, max_eval_samples: 4}
method: {max_length: 256}
output: {name: bot, push_to_hub: true}
"""

# A run that takes a while, saves often, and has chance in it. Left alone, a processor that is near
# the limit is measured as worth bfloat16 in one run and not in the next.
FORTY_STEPS = """
version: 2
training: {max_steps: 40, per_device_train_batch_size: 2, save_steps: 5, learning_rate: 0.01}
evaluation: {eval_steps: 3, max_eval_samples: 4}
adapter: {lora_r: 4, lora_dropout: 0.1}
method: {max_length: 256}
hardware: {precision: float32}
"""
# Of a person who asks from the test's own process.
NEAR_TOKEN = SecretStr("hf_ada")
# For what does not depend on how large files travel.
LFS_ONLY = pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])


@dataclass(frozen=True)
class Learned:
    """What came of a run: the loss at each step, the tokens seen by then, the adapter's weights."""

    losses: dict[int, float]
    tokens: dict[int, float]
    weights: dict[str, np.ndarray]

    @classmethod
    def by(cls, command_line: CommandLine, run: str) -> "Learned":
        model = command_line.home / "runs" / run / "model"
        return cls(
            command_line.losses(run),
            command_line.losses(run, of="num_tokens"),
            load_file(model / "adapter_model.safetensors"),
        )

    def assert_same(self, other: "Learned") -> None:
        assert self.losses == pytest.approx(other.losses, rel=1e-4)
        assert self.tokens == other.tokens
        assert self.weights.keys() == other.weights.keys()
        for name, weight in self.weights.items():
            np.testing.assert_allclose(weight, other.weights[name], rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="session")
def unbroken_home(shared: Path, tiny_model: Path) -> Path:
    """A home with one run of FORTY_STEPS that nothing interrupted."""

    def train(home: Path) -> None:
        command_line = at_home(home, tiny_model)
        run = command_line.begin(FORTY_STEPS)
        assert command_line.wait(run)["state"] == "done", command_line.log(run)

    return made_once(shared / "unbroken", train)


@pytest.fixture(scope="session")
def unbroken(unbroken_home: Path) -> Learned:
    """What FORTY_STEPS come to when nothing interrupts them."""
    command_line = CommandLine(unbroken_home, environment_of(unbroken_home))
    return Learned.by(command_line, only_run(unbroken_home).name)


@pytest.fixture(scope="session")
def stopped_home(shared: Path, tiny_model: Path) -> Path:
    """A home with one run of FORTY_STEPS that was stopped on the way."""

    def train(home: Path) -> None:
        command_line = at_home(home, tiny_model)
        run = command_line.begin(FORTY_STEPS)
        command_line.wait_for_step(run, 3)
        command_line.stop(run)
        assert command_line.wait(run)["state"] == "stopped", command_line.log(run)
        wait_until(lambda: not processes_of(home))

    return made_once(shared / "stopped", train)


@pytest.fixture
def finished(unbroken_home: Path, home: Path) -> str:
    """A run of FORTY_STEPS that trained to its end, in the home of the test."""
    return copy_run(unbroken_home, home)


@pytest.fixture
def stopped(stopped_home: Path, home: Path) -> str:
    """A run of FORTY_STEPS that was stopped on the way, in the home of the test."""
    return copy_run(stopped_home, home)


def at_home(home: Path, tiny_model: Path) -> CommandLine:
    """The command line on a new home with the tiny model, and no Hub in reach."""
    shutil.copytree(tiny_model, home / "models" / "SmolLM2-135M-Instruct")
    return CommandLine(home, environment_of(home))


def only_run(home: Path) -> Path:
    (run,) = (home / "runs").glob("2*")
    return run


def copy_run(source: Path, home: Path) -> str:
    """Copy the only run of `source` to another home. Returns its id."""
    run = only_run(source)
    shutil.copytree(run, home / "runs" / run.name)
    return run.name


@pytest.fixture
def online(home: Path, hub: HubDouble) -> Iterator[CommandLine]:
    """The command line with a token, on a machine that reaches the double of the Hub."""
    hub.add_user(name="ada", token=TOKEN, orgs={"acme": "write", "other": "read"})
    yield CommandLine(home, environment_of(home) | hub.environment(home=HUB_HOME, token=TOKEN))
    end_processes_of(home)


@pytest.fixture(scope="session")
def trained_home(shared: Path, tiny_model: Path) -> Path:
    """A home with one run that has trained and not pushed."""

    def train(home: Path) -> None:
        command_line = at_home(home, tiny_model)
        run = command_line.begin(SHORT.replace("push_to_hub: true", "push_to_hub: false"))
        assert command_line.wait(run)["state"] == "done", command_line.log(run)

    return made_once(shared / "trained", train)


@pytest.fixture
def trained(trained_home: Path, online: CommandLine) -> str:
    """A run that has trained and not pushed, in the home of `online`."""
    return copy_run(trained_home, online.home)


@pytest.fixture
def near_hub(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubDouble]:
    """A double of the Hub for calls from the test's own process.

    Whole, unless the parameter says that it is bare.
    """
    bare: bool = getattr(request, "param", False)
    with HubDouble(root=tmp_path / "hub", bare=bare) as double:
        double.add_user(name="ada", token=NEAR_TOKEN.get_secret_value(), orgs={"acme": "write"})
        files = f"{double.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", double.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("core.hub.account._accounts", {})
        monkeypatch.setattr("core.hub.lacks._told", {})
        yield double
