"""Spaces: what they run on and with; copies of any repository; the machines there are.

Tokens that an application got by OAuth may pause a Space, and neither restart it nor change what
it runs on, as on the Hub.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from . import creation, hardware
from .context import CallerContext, HubContext, KindContext, OwnedContext, RepoContext
from .errors import HubError, gated, sign_in_first
from .identity import Role
from .spaces import Setting, Space, setting, settings_view
from .store import Repo

router = APIRouter()

SPACE = "/api/{kinds}/{namespace}/{name}"
KEY = "^[A-Za-z_][A-Za-z0-9_]*$"


class Copy(creation.Beginning):
    repository: str


class Machine(BaseModel):
    flavor: str
    sleepTimeSeconds: int | None = None


class Sleep(BaseModel):
    seconds: int


class Key(BaseModel):
    key: str = Field(pattern=KEY)


class Entry(Key):
    value: str
    description: str | None = None


class Volume(BaseModel):
    type: Literal["bucket", "model", "dataset", "space"]
    source: str
    mountPath: str = Field(pattern="^/")
    revision: str | None = None
    readOnly: bool | None = None
    path: str | None = None


class Volumes(BaseModel):
    volumes: list[Volume]


def _space(repo: RepoContext) -> Space:
    if repo.space is None:
        raise HubError(404, "This is no Space")
    return repo.space


def _owned(repo: OwnedContext) -> Space:
    return _space(repo)


def _running(space: Annotated[Space, Depends(_owned)]) -> Space:
    if not space.runs:
        raise HubError(400, "This is not possible for a static Space")
    return space


def _refuse_oauth(caller: CallerContext) -> None:
    if caller.token is not None and caller.token.role is Role.OAUTH:
        raise sign_in_first()


SpaceContext = Annotated[Space, Depends(_space)]
OwnedSpaceContext = Annotated[Space, Depends(_owned)]
RunningSpaceContext = Annotated[Space, Depends(_running)]
not_by_oauth = Depends(_refuse_oauth)


@router.get("/api/spaces/hardware")
def list_for_spaces() -> list[dict[str, Any]]:
    return hardware.for_spaces()


@router.get("/api/jobs/hardware")
def list_for_jobs() -> list[dict[str, Any]]:
    return hardware.for_jobs()


@router.get(SPACE + "/runtime")
def look(space: SpaceContext) -> dict[str, Any]:
    if space.settles:
        space.settle()
    return space.view()


@router.post(SPACE + "/hardware", dependencies=[not_by_oauth])
def request_hardware(
    machine: Machine, repo: OwnedContext, space: RunningSpaceContext, hub: HubContext
) -> dict[str, Any]:
    if not hardware.serves_spaces(machine.flavor):
        raise HubError(400, f"Invalid hardware flavor: {machine.flavor}")
    hub.billing.check_hardware(repo.namespace, machine.flavor)
    space.request(machine.flavor)
    if machine.sleepTimeSeconds is not None:
        space.sleep_after(machine.sleepTimeSeconds)
    return space.view()


@router.post(SPACE + "/sleeptime")
def set_sleep_time(sleep: Sleep, space: RunningSpaceContext) -> dict[str, Any]:
    space.sleep_after(sleep.seconds)
    return space.view()


@router.post(SPACE + "/pause")
def pause(repo: RepoContext, caller: CallerContext) -> dict[str, Any]:
    # Whatever an application was granted: a sign-in may pause what its person may.
    if caller.token is None or not caller.token.user.writes_in(repo.namespace):
        raise HubError(403, "Forbidden: you don't have write access to this Space")
    space = _running(_space(repo))
    space.pause()
    return space.view()


@router.post(SPACE + "/restart", dependencies=[not_by_oauth])
def restart(space: RunningSpaceContext, factory: bool = False) -> dict[str, Any]:
    space.restart(from_scratch=factory)
    return space.view()


@router.get(SPACE + "/secrets")
def list_secrets(space: OwnedSpaceContext) -> dict[str, Any]:
    return settings_view(space.secrets, secret=True)


@router.post(SPACE + "/secrets")
def add_secret(entry: Entry, space: OwnedSpaceContext) -> dict[str, Any]:
    _set(space.secrets, entry)
    return settings_view(space.secrets, secret=True)


@router.delete(SPACE + "/secrets")
def delete_secret(gone: Key, space: OwnedSpaceContext) -> dict[str, Any]:
    space.secrets.pop(gone.key, None)
    return settings_view(space.secrets, secret=True)


@router.get(SPACE + "/variables")
def list_variables(space: SpaceContext) -> dict[str, Any]:
    return settings_view(space.variables, secret=False)


@router.post(SPACE + "/variables")
def add_variable(entry: Entry, space: OwnedSpaceContext) -> dict[str, Any]:
    _set(space.variables, entry)
    return settings_view(space.variables, secret=False)


@router.delete(SPACE + "/variables")
def delete_variable(gone: Key, space: OwnedSpaceContext) -> dict[str, Any]:
    space.variables.pop(gone.key, None)
    return settings_view(space.variables, secret=False)


@router.put(SPACE + "/volumes")
def set_volumes(volumes: Volumes, space: RunningSpaceContext) -> dict[str, Any]:
    space.volumes = [volume.model_dump(exclude_none=True) for volume in volumes.volumes]
    return space.view()


@router.delete(SPACE + "/volumes")
def delete_volumes(space: RunningSpaceContext) -> dict[str, Any]:
    if not space.volumes:
        raise HubError(400, "No volumes are attached to this Space")
    space.volumes = []
    return space.view()


@router.post("/api/{kinds}/{namespace}/{name}/duplicate")
def duplicate(
    copy: Copy, kind: KindContext, repo: RepoContext, hub: HubContext, caller: CallerContext
) -> dict[str, Any]:
    if caller.token is None:
        raise sign_in_first()
    if not caller.may_download(repo):
        raise gated(repo.repo_id, signed_in=True)
    private = repo.private if copy.visibility is None else copy.visibility == "private"
    made = Repo(kind, copy.repository, private, sdk=repo.sdk)
    if repo.space is not None:
        made.space = creation.new_space(repo.space.sdk, copy)
        # Secrets stay behind: whoever copies a Space must not get its owner's keys.
        made.space.variables = {**repo.space.variables, **made.space.variables}
    answer = creation.add(made, hub=hub, caller=caller)
    made.take_history(repo)
    return {**answer, "filesCopyPending": False}


def _set(known: dict[str, Setting], entry: Entry) -> None:
    known[entry.key] = setting(entry.value, entry.description)
