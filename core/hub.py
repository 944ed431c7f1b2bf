"""What the Hub knows: who we are, whether we may write, and whether a model or dataset is there."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import DatasetInfo, HfApi, ModelInfo
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils._validators import validate_repo_id
from pydantic import SecretStr

from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import Tracking
from core.config.output import OutputSection
from core.config.run_config import RunConfig, hub_datasets
from core.errors import UserError
from core.hub_errors import hub_errors

TIMEOUT_SECONDS = 15
# The dataset that the measurements of all of an account's runs go to.
EXPERIMENTS = "smolfactory-experiments"
# Of the roles in an organization. A contributor may write to nothing but what is theirs.
WRITING_ROLES = frozenset({"write", "admin"})
# Who-am-I is strictly rate-limited by the Hub.
ACCOUNT_SECONDS = 300
# The Hub's names for kinds of tokens; one that it tells no role of comes from a sign-in.
KINDS = {"read": "read", "write": "write", "fineGrained": "fine-grained"}


@dataclass(frozen=True)
class Account:
    """Whose a token is, and where it may write."""

    name: str
    organizations: list[str]
    writable: frozenset[str]
    # What kind of token it is: "write", "read", "fine-grained" or "sign-in".
    kind: str
    # What its owner called it, if it is one of their own making.
    label: str = ""


_accounts: dict[str, tuple[float, Account]] = {}


def account(token: SecretStr, *, fresh: bool = False) -> Account:
    """Whose token this is. Asked at most every five minutes, but for a `fresh` answer.

    Raises UserError when the Hub does not know the token, HubUnreachable when it does not answer.
    """
    key = key_of(token)
    known = _accounts.get(key)
    if known and not fresh and time.monotonic() - known[0] < ACCOUNT_SECONDS:
        return known[1]
    with hub_errors("your account"):
        answer = _api(token).whoami()
    found = _account(answer)
    _accounts[key] = (time.monotonic(), found)
    return found


def key_of(token: SecretStr) -> str:
    """What stands for a token where something is remembered of it: what is kept can leak."""
    return sha256(token.get_secret_value().encode()).hexdigest()


def target_repo(output: OutputSection, token: SecretStr | None) -> str:
    """The repository that a result goes to, once it is certain that this token may write there.

    Raises UserError when nobody is signed in, the token may not write, or a private result would
    go into a repository that everybody can see. A pull request needs no right to write, but a
    repository that is there.
    """
    if token is None:
        raise UserError(
            "Pushing needs a Hugging Face token, and there is none here.",
            hint="Set HF_TOKEN, or run 'hf auth login', and start SmolFactory again.",
            field="output.push",
        )
    if output.pull_request:
        repo = f"{output.owner or account(token).name}/{output.name}"
        _require_proposable(repo, output, token)
        return repo
    owner = writable_owner(output, token)
    repo = f"{owner}/{output.name}"
    with hub_errors(repo, field="output.name"):
        validate_repo_id(repo)
    if output.private and _is_private(repo, token) is False:
        raise UserError(
            f"{repo} is there already, and everybody can see it.",
            hint="Choose another name, or turn Private off.",
            field="output.private",
        )
    return repo


def writable_owner(output: OutputSection, token: SecretStr) -> str:
    """In whose account a run's repositories lie. A pull request's own ones lie in the person's.

    Raises UserError when this token may not write there.
    """
    who = account(token)
    owner = who.name if output.pull_request else output.owner or who.name
    if owner not in who.writable:
        places = ", ".join(sorted(who.writable))
        raise UserError(
            f"This token can't write to {owner}.",
            hint=f"It may write to {places}: choose that owner, or another token."
            if places
            else "Make one with write access there, or choose another owner.",
            field="output.owner" if output.owner else "output.push",
        )
    return owner


def experiments_repo(output: OutputSection, token: SecretStr | None) -> str:
    """The dataset that measurements go to, once it is certain that this token may write there.

    Raises UserError at output.tracking as `target_repo` does.
    """
    try:
        if token is None:
            raise UserError(
                "Tracking online needs a Hugging Face token, and there is none here.",
                hint="Sign in, or set HF_TOKEN and start SmolFactory again.",
            )
        repo = f"{writable_owner(output, token)}/{EXPERIMENTS}"
        _check_who_sees(repo, output, token)
    except UserError as error:
        error.field = "output.tracking"
        raise
    return repo


def _check_who_sees(repo: str, output: OutputSection, token: SecretStr) -> None:
    """Raises UserError when measurements that are private would be seen by everybody."""
    is_drawn = output.tracking is Tracking.TRACKIO
    if is_drawn and output.private:
        raise UserError(
            "A Trackio Space is for everybody to see.",
            hint="Turn Private off, or track into the dataset only.",
        )
    is_private = _is_private(repo, token, kind="dataset")
    if output.private and is_private is False:
        raise UserError(
            f"{repo} is there already, and everybody can see it.",
            hint="Make it private on the Hub, or turn Private or tracking off.",
        )
    if is_drawn and is_private:
        raise UserError(
            f"{repo} is private, and a Trackio Space would show everybody all runs in it.",
            hint="Make it public on the Hub, or track into the dataset only.",
        )


def _require_proposable(repo: str, output: OutputSection, token: SecretStr) -> None:
    with hub_errors(f"the repository {repo}", field="output.pull_request"):
        private = _api(token).model_info(repo, timeout=TIMEOUT_SECONDS).private
    if output.private and not private:
        raise UserError(
            f"{repo} is public: everybody could see what you propose.",
            hint="Turn Private off, or push to a repository of your own.",
            field="output.private",
        )


def _is_private(repo: str, token: SecretStr, *, kind: str = "model") -> bool | None:
    """Whether only some can see the repository; None when there is none."""
    with hub_errors(f"the repository {repo}", field="output.name"):
        try:
            info = _api(token).repo_info(repo, repo_type=kind, timeout=TIMEOUT_SECONDS)
            return bool(info.private)
        except RepositoryNotFoundError:
            return None


def model_info(name: str, *, revision: str | None, token: SecretStr | None) -> ModelInfo:
    """Raises UserError at model.name or model.revision when it can't be had."""
    with hub_errors(f"the model {name}", field="model.name", revision_field="model.revision"):
        api = _api(token)
        # Everybody may look at a gated repository; only some may download it.
        api.auth_check(name)
        return api.model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)


def model_config(name: str, *, revision: str | None, token: SecretStr | None) -> dict[str, Any]:
    """A model's config.json, without its weights. Raises UserError at model.name."""
    with hub_errors(f"the model {name}", field="model.name"):
        path = _api(token).hf_hub_download(name, "config.json", revision=revision)
    try:
        return dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(f"The config.json of {name} is not JSON.", field="model.name") from error


def dataset_info(
    name: str,
    *,
    revision: str | None,
    token: SecretStr | None,
    field: str = "dataset.name",
    revision_field: str = "dataset.revision",
) -> DatasetInfo:
    """Raises UserError at `field` or `revision_field` when it can't be had."""
    with hub_errors(f"the dataset {name}", field=field, revision_field=revision_field):
        api = _api(token)
        api.auth_check(name, repo_type="dataset")
        return api.dataset_info(
            name, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS
        )


def licences_of(name: str, *, kind: str, token: SecretStr | None) -> list[str]:
    """The licences that the card of a model or dataset states; none where it states none.

    Raises UserError when it can't be had.
    """
    with hub_errors(f"the {kind} {name}"):
        info = _api(token).repo_info(name, repo_type=kind, timeout=TIMEOUT_SECONDS)
    card = getattr(info, "card_data", None)
    stated = card.get("license") if card else None
    listed = stated if isinstance(stated, list) else [stated]
    return [str(licence) for licence in listed if licence]


def search_datasets(text: str, *, token: SecretStr | None, limit: int = 12) -> list[str]:
    """The datasets of the Hub whose names have `text` in them, the most used first.

    Raises UserError when the Hub gives no answer.
    """
    with hub_errors("datasets", field="dataset.name"):
        found = _api(token).list_datasets(search=text, sort="downloads", limit=limit)
        return [str(info.id) for info in found]


def needs_token(config: RunConfig) -> bool:
    """Whether the Hub gives this run's model or dataset only to somebody it knows."""
    wanted: list[partial[None]] = []
    if config.model.name != BUILTIN_MODEL:
        wanted.append(partial(HfApi.auth_check, repo_id=config.model.name, token=False))
    for name in hub_datasets(config):
        wanted.append(partial(HfApi.auth_check, repo_id=name, repo_type="dataset", token=False))
    for ask in wanted:
        try:
            ask(HfApi(token=False))
        except (RepositoryNotFoundError, GatedRepoError):
            return True
        except (HfHubHTTPError, httpx2.HTTPError, OfflineModeIsEnabled):
            # No answer: what is in the cache needs no token.
            continue
    return False


def _api(token: SecretStr | None) -> HfApi:
    return HfApi(token=token.get_secret_value() if token else False)


def _account(answer: dict[str, Any]) -> Account:
    name = str(answer["name"])
    organizations = answer.get("orgs") or []
    access = (answer.get("auth") or {}).get("accessToken") or {}
    match access.get("role"):
        case "read":
            writable: set[str] = set()
        case "fineGrained":
            writable = set(_fine_grained(access.get("fineGrained") or {}))
        case _:
            # A write token, or a sign-in whose rights only the Hub can tell.
            writable = {name} | {
                org["name"] for org in organizations if org.get("roleInOrg") in WRITING_ROLES
            }
    return Account(
        name=name,
        organizations=[org["name"] for org in organizations],
        writable=frozenset(writable),
        kind=KINDS.get(str(access.get("role")), "sign-in"),
        label=str(access.get("displayName") or ""),
    )


def _fine_grained(rights: dict[str, Any]) -> Iterator[str]:
    for scope in rights.get("scoped") or []:
        if {"repo.write", "repo.content.write"} & set(scope.get("permissions") or []):
            yield str(scope["entity"]["name"])
