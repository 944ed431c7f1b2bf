"""Where a token may write: the repository of a result, of checkpoints and of measurements."""

from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.utils._validators import validate_repo_id
from pydantic import SecretStr

from core.config.options import Tracking
from core.config.output import OutputSection
from core.errors import UserError
from core.hub.account import account
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.settings import sign_in_hint

# The dataset that the measurements of all of an account's runs go to.
EXPERIMENTS = "smolfactory-experiments"


def target_repo(output: OutputSection, token: SecretStr | None) -> str:
    """The repository that a result goes to, once it is certain that this token may write there.

    Raises UserError when nobody is signed in, the token may not write, or a private result would
    go into a public repository. A pull request needs no right to write, but a
    repository that is there.
    """
    if token is None:
        raise UserError(
            "Pushing needs a Hugging Face token, and there is none here.",
            hint=sign_in_hint(),
            field="output.push_to_hub",
        )
    if output.pull_request:
        repo = f"{output.owner or account(token).name}/{output.repo_name}"
        _require_proposable(repo, output, token)
        return repo
    owner = writable_owner(output, token)
    repo = f"{owner}/{output.repo_name}"
    with hub_errors(repo, field="output.name"):
        validate_repo_id(repo)
    if output.hub_private_repo and _is_private(repo, token) is False:
        raise UserError(
            f"{repo} already exists and is public.",
            hint="Choose another name, or turn off `output.hub_private_repo`.",
            field="output.hub_private_repo",
        )
    return repo


def writable_owner(output: OutputSection, token: SecretStr) -> str:
    """In whose account a run's repositories lie. A pull request's own ones lie in the person's.

    Raises UserError when this token may not write there.
    """
    who = account(token)
    owner = who.name if output.pull_request else output.owner or who.name
    if owner not in who.may_try:
        places = ", ".join(sorted(who.may_try))
        raise UserError(
            f"This token can't write to {owner}.",
            hint=f"It can write to {places}: choose one of these as owner, or use another token."
            if places
            else "Create one with write access there, or choose another owner.",
            field="output.owner" if output.owner else "output.push_to_hub",
        )
    return owner


def doubts(owner: str, token: SecretStr) -> list[str]:
    """What to know where the Hub does not say whether this token may write to an account."""
    if owner not in account(token).unsure:
        return []
    return [
        f"The Hub does not say whether this token may write to {owner}."
        " You will find out when you push."
    ]


def experiments_repo(output: OutputSection, token: SecretStr | None) -> str:
    """The dataset that measurements go to, once it is certain that this token may write there.

    Raises UserError at output.tracking as `target_repo` does.
    """
    try:
        if token is None:
            raise UserError(
                "Tracking online needs a Hugging Face token, and there is none here.",
                hint=sign_in_hint(),
            )
        repo = f"{writable_owner(output, token)}/{EXPERIMENTS}"
        _check_who_sees(repo, output, token)
    except UserError as error:
        error.field = "output.tracking"
        raise
    return repo


def _check_who_sees(repo: str, output: OutputSection, token: SecretStr) -> None:
    """Raises UserError when private measurements would become public."""
    is_drawn = output.tracking is Tracking.TRACKIO
    if is_drawn and output.hub_private_repo:
        raise UserError(
            "A Trackio Space is always public.",
            hint="Turn off `output.hub_private_repo`, or set `output.tracking` to `dataset`.",
        )
    is_private = _is_private(repo, token, kind="dataset")
    if output.hub_private_repo and is_private is False:
        raise UserError(
            f"{repo} already exists and is public.",
            hint="Make it private on the Hub, turn off `output.hub_private_repo`, or set "
            "`output.tracking` to `none`.",
        )
    if is_drawn and is_private:
        raise UserError(
            f"{repo} is private, and a Trackio Space would make all runs in it public.",
            hint="Make it public on the Hub, or set `output.tracking` to `dataset`.",
        )


def _require_proposable(repo: str, output: OutputSection, token: SecretStr) -> None:
    with hub_errors(f"the repository {repo}", field="output.pull_request"):
        private = hub_client(token).model_info(repo).private
    if output.hub_private_repo and not private:
        raise UserError(
            f"{repo} is public, so a pull request to it would be public too.",
            hint="Turn off `output.hub_private_repo` or `output.pull_request`.",
            field="output.hub_private_repo",
        )


def _is_private(repo: str, token: SecretStr, *, kind: str = "model") -> bool | None:
    """Whether the repository is private; None when there is none."""
    with hub_errors(f"the repository {repo}", field="output.name"):
        try:
            info = hub_client(token).repo_info(repo, repo_type=kind)
            return bool(info.private)
        except RepositoryNotFoundError:
            return None
