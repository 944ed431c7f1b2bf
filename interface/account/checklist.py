"""What the owner of a new Space has to see to, and what of it is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.hub.account import Account
from core.hub.spaces import FREE, SpaceLook
from core.runs.state import RunState, RunStatus

NEVER = -1


@dataclass(frozen=True)
class Check:
    """One line of the list. `text` says what to do, or what is so."""

    done: bool
    title: str
    text: str


def checks(
    space: SpaceLook,
    *,
    account: Account | None,
    has_own_token: bool,
    gpu: str | None,
    statuses: Sequence[RunStatus],
    at_risk: Sequence[str],
) -> Iterator[Check]:
    """The list, in the order in which one goes through it.

    `account` is whose token runs would use, `has_own_token` whether it is a secret of the Space and
    no sign-in, `gpu` the device's name, `at_risk` names runs that have something on this disk only.
    """
    yield Check(
        done=True,
        title="Private" if space.private else "Public: anyone can look, only you can train",
        text="Only you can see this Space."
        if space.private
        else "Anyone can see the form. Runs and logs are visible to those who may train.",
    )
    yield _hardware(space, gpu=gpu)
    yield _token(account, has_own_token=has_own_token)
    yield _safety(has_runs=bool(statuses), at_risk=at_risk)
    trained = any(status.state in (RunState.DONE, RunState.TRAINED) for status in statuses)
    yield Check(
        done=trained,
        title="A first run",
        text="It trained." if trained else "Press Start: with the default settings, it trains the"
        " built-in model in a few minutes, even on a CPU.",
    )  # fmt: skip
    pushed = next((status.pushed_to for status in statuses if status.pushed_to), None)
    yield Check(
        done=pushed is not None,
        title="A model on the Hub",
        text=f"{pushed}, each file verified." if pushed else "Press Push on the page of a run.",
    )


def _hardware(space: SpaceLook, *, gpu: str | None) -> Check:
    if gpu is None:
        return Check(
            done=False,
            title="On a CPU",
            text="Good for the built-in model. A GPU trains models of billions of weights: choose"
            " one below.",
        )
    if space.sleep_seconds not in (None, NEVER) and space.hardware != FREE:
        return Check(
            done=False,
            title=gpu,
            text=f"It falls asleep {space.sleep_seconds} seconds after the last visit, also while"
            " it trains: set its sleep time to never, and let the last run pause it.",
        )
    return Check(done=True, title=gpu, text="Billed while the Space is running.")


def _safety(*, has_runs: bool, at_risk: Sequence[str]) -> Check:
    if at_risk:
        others = f" (and of {len(at_risk) - 1} more)" if len(at_risk) > 1 else ""
        text = f"Something of {at_risk[0]}{others} is on this disk only until it is pushed."
    elif has_runs:
        return Check(
            done=True,
            title="Everything is on the Hub",
            text="No run has files that exist only on this disk.",
        )
    else:
        text = "Turn on Sync checkpoints to the Hub under Advanced settings, Output."
    return Check(done=False, title="This disk is wiped at each restart", text=text)


def _token(account: Account | None, *, has_own_token: bool) -> Check:
    if account is None:
        return Check(done=False, title="No token", text="Sign in, above.")
    if not account.may_try:
        return Check(done=False, title="A read-only token", text="Use one with write access.")
    if not has_own_token:
        return Check(
            done=True,
            title="Your sign-in",
            text="It ends after some hours. A secret HF_TOKEN lets long runs push after that, and"
            " resume by themselves.",
        )
    text = f"It acts as {account.name}. Write access is unknown until you push."
    if account.writable:
        text = f"It has write access as {account.name}."
    return Check(done=True, title="A secret HF_TOKEN", text=text)
