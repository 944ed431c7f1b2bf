"""What happens to the model after training."""

from typing import Annotated

from pydantic import StringConstraints

from core.config.options import AdapterKind, Tracking, Weights
from core.config.setting import Name, Section, setting


class OutputSection(Section):
    name: Name | None = setting(
        None, label="Model name", basic=True,
        help="Also the repository's name on the Hub. If empty, named after the model and the data.",
    )  # fmt: skip
    push_to_hub: bool = setting(
        False, label="Push to the Hub when done", basic=True,
        help="Uploads the model and verifies it. You can also push later, from the run's page.",
    )  # fmt: skip
    owner: Annotated[str, StringConstraints(pattern=r"^[\w\-.]{1,96}$")] | None = setting(
        None, label="Repository owner",
        help="Your user name, or an organization you can write to. If empty, your own account.",
    )  # fmt: skip
    hub_private_repo: bool = setting(
        True, label="Private", basic=True, help="Make the Hub repository private."
    )
    replace: bool = setting(
        False, label="Replace what is in the repository", basic=True,
        help="Without this, a push to a repository that has content of others is refused.",
        shown_when={"output.push_to_hub": (True,)},
    )  # fmt: skip
    pull_request: bool = setting(
        False, label="Push as a pull request",
        help="Opens a pull request on an existing repository instead of committing to it.",
    )  # fmt: skip
    tracking: Tracking = setting(
        Tracking.NONE, label="Experiment tracking",
        help="Logs to your dataset smolfactory-experiments; `trackio` adds a public dashboard.",
    )  # fmt: skip
    weights: Weights = setting(
        Weights.ADAPTER, label="What to push",
        help="The adapter is small but needs its base model. A merged model works on its own.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    sync_checkpoints: bool = setting(
        False, label="Sync checkpoints to the Hub",
        help="Uploads the latest to a private repository until the model is pushed.",
    )  # fmt: skip
    auto_resume: bool = setting(
        False, label="Auto-resume",
        help="Resumes an interrupted run automatically. On a Space, needs the HF_TOKEN secret.",
    )  # fmt: skip
    pause_space: bool = setting(
        False, label="Pause the Space when done",
        help="Only if no other run is waiting and every model has been pushed and verified.",
    )  # fmt: skip

    @property
    def repo_name(self) -> str:
        """The name, once it is known: a run has one before it starts."""
        if self.name is None:
            raise ValueError("This run has no name yet.")
        return self.name
