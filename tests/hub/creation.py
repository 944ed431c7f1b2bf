"""New repositories: who may make one where, and with what a Space begins."""

from typing import Any, Literal

from pydantic import BaseModel

from .context import Hub, url
from .errors import HubError, sign_in_first
from .hardware import FREE, serves_spaces
from .identity import Caller
from .spaces import Space, settings
from .store import Repo

Visibility = Literal["public", "private", "protected"]


class Beginning(BaseModel):
    """What the requests to create and to duplicate say alike."""

    visibility: Visibility | None = None
    hardware: str | None = None
    sleepTimeSeconds: int | None = None
    secrets: list[dict[str, str | None]] = []
    variables: list[dict[str, str | None]] = []
    volumes: list[dict[str, Any]] = []


def add(repo: Repo, *, hub: Hub, caller: Caller) -> dict[str, str]:
    """Add a repository that the caller makes; the answer that tells where it is.

    Raises HubError when the caller may not, when it is there already, or when it has to be paid.
    """
    if caller.token is None:
        raise sign_in_first()
    if not caller.may_create_in(repo.namespace):
        rights = f"You don't have the rights to create a {repo.kind}"
        raise HubError(403, f'{rights} under the namespace "{repo.namespace}"')
    if repo.space is not None:
        hub.billing.check_space(repo.namespace, sdk=repo.sdk)
        hub.billing.check_hardware(repo.namespace, repo.space.requested)
    if hub.store.find(repo.kind, repo.repo_id) is not None:
        message = f"You already created this {repo.kind} repo: {repo.repo_id}"
        raise HubError(409, message, body={"url": url(repo, hub=hub)})
    repo.made_by_app = caller.token.app
    hub.store.add(repo, author=caller.token.user.name)
    return {"url": url(repo, hub=hub), "name": repo.repo_id, "id": repo.head[:24]}


def new_space(sdk: str, beginning: Beginning) -> Space:
    """A Space that is still being built.

    Raises HubError when there is no such machine.
    """
    hardware = beginning.hardware or FREE
    if not serves_spaces(hardware):
        raise HubError(400, f"Invalid hardware flavor: {hardware}")
    space = Space(
        sdk,
        secrets=settings(beginning.secrets),
        variables=settings(beginning.variables),
        volumes=beginning.volumes,
    )
    space.request(hardware)
    if beginning.sleepTimeSeconds is not None:
        space.sleep_after(beginning.sleepTimeSeconds)
    return space
