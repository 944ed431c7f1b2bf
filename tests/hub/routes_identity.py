"""Who is calling, and the small talk of the client libraries."""

from typing import Any

from fastapi import APIRouter, Response

from .context import CallerContext
from .errors import sign_in_first
from .identity import whoami

router = APIRouter()


@router.get("/api/whoami-v2")
def who_am_i(caller: CallerContext) -> dict[str, Any]:
    if caller.token is None:
        raise sign_in_first()
    return whoami(caller.token)


@router.head("/api/telemetry/{topic:path}")
def telemetry() -> Response:
    return Response()
