"""What becomes of the result."""

from typing import Annotated

from pydantic import StringConstraints

from core.config.options import AdapterKind, Tracking, Weights
from core.config.setting import Name, Section, setting


class OutputSection(Section):
    name: Name = setting(
        "smollm2-facts-to-json", label="Name of the result", basic=True,
        help="Letters, digits, dots, dashes. The Hub repository gets this name under your account.",
    )  # fmt: skip
    push_to_hub: bool = setting(
        False, label="Push to the Hub when done", basic=True,
        help="Uploads and verifies the result. You can also push later, with one button.",
    )  # fmt: skip
    owner: Annotated[str, StringConstraints(pattern=r"^[\w\-.]{1,96}$")] | None = setting(
        None, label="Owner on the Hub",
        help="Your user name or an organization you may write to. Empty: your own account.",
    )  # fmt: skip
    hub_private_repo: bool = setting(
        True, label="Private", basic=True, help="Only you can see the repository on the Hub."
    )
    pull_request: bool = setting(
        False, label="As a pull request",
        help="Proposes the result to a repository that is there already; others decide to take it.",
    )  # fmt: skip
    tracking: Tracking = setting(
        Tracking.NONE, label="Tracking online",
        help="Adds it to your dataset smolfactory-experiments; trackio draws it too, in public.",
    )  # fmt: skip

    weights: Weights = setting(
        Weights.ADAPTER, label="What to push",
        help="The adapter is small and needs its base; merged into it, the model stands alone.",
        shown_when={"adapter.kind": (AdapterKind.LORA,)},
    )  # fmt: skip
    sync_checkpoints: bool = setting(
        False, label="Keep checkpoints on the Hub",
        help="Copies the newest to a private repository of yours as it trains, until it is pushed.",
    )  # fmt: skip
    auto_resume: bool = setting(
        False, label="Resume by itself",
        help="Goes on when a machine that went away is back. A Space needs HF_TOKEN for that.",
    )  # fmt: skip
    pause_space: bool = setting(
        False, label="Pause the Space afterwards",
        help="After this run, if no other waits and every model is pushed and verified.",
    )  # fmt: skip
