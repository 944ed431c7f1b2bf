"""The Hub's refusals, in the status, headers and body that its client turns into exceptions."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

REPO_NOT_FOUND = "RepoNotFound"
REVISION_NOT_FOUND = "RevisionNotFound"
ENTRY_NOT_FOUND = "EntryNotFound"
GATED_REPO = "GatedRepo"


class HubError(Exception):
    """A refusal; `body` is merged into the JSON answer beside the message."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.body = body or {}
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        # A header holds one line of latin-1; the whole message stays in the body.
        line = self.message.splitlines()[0].encode("latin-1", "replace").decode("latin-1")
        headers = {"X-Error-Message": line, **self.headers}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        return JSONResponse({"error": self.message, **self.body}, self.status, headers)


async def answer(_: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for `HubError`."""
    assert isinstance(error, HubError)
    return error.response()


def invalid_credentials() -> HubError:
    return HubError(401, "Invalid credentials in Authorization header")


def sign_in_first() -> HubError:
    return HubError(401, "Invalid username or password.")


def repo_not_found(*, signed_in: bool) -> HubError:
    # The Hub answers strangers 401 without a code, which the client takes for a missing repository
    # on https addresses only; the code makes it the same exception on this double's http address.
    if not signed_in:
        return HubError(401, "Invalid username or password.", code=REPO_NOT_FOUND)
    return HubError(404, "Repository not found", code=REPO_NOT_FOUND)


def revision_not_found(revision: str) -> HubError:
    return HubError(404, f"Invalid rev id: {revision}", code=REVISION_NOT_FOUND)


def entry_not_found(*, commit: str, message: str = "Entry not found") -> HubError:
    return HubError(404, message, code=ENTRY_NOT_FOUND, headers={"X-Repo-Commit": commit})


def gated(repo_id: str, *, signed_in: bool) -> HubError:
    if not signed_in:
        message = f"Access to {repo_id} is restricted. You must be authenticated to access it."
        return HubError(401, message, code=GATED_REPO)
    message = f"Access to {repo_id} is restricted and you are not in the authorized list."
    return HubError(403, message, code=GATED_REPO)
