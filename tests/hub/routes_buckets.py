"""Buckets: files without a history, whose bytes come by Xet alone."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from .context import CallerContext, Hub, HubContext
from .creation import Visibility
from .errors import HubError, repo_not_found, sign_in_first
from .identity import Caller
from .routes_uploads import lend_for_upload
from .store import Bucket

router = APIRouter()


class NewBucket(BaseModel):
    visibility: Visibility = "public"


@router.post("/api/buckets/{namespace}/{name}")
def create(
    namespace: str, name: str, new: NewBucket, hub: HubContext, caller: CallerContext
) -> dict[str, str]:
    _require_write(caller, namespace)
    bucket_id = f"{namespace}/{name}"
    address = f"{hub.endpoint}/buckets/{bucket_id}"
    if bucket_id in hub.store.buckets:
        message = f"You already created this bucket: {bucket_id}"
        raise HubError(409, message, body={"url": address})
    hub.store.buckets[bucket_id] = Bucket(private=new.visibility == "private")
    return {"url": address, "id": bucket_id}


@router.get("/api/buckets/{namespace}/{name}/xet-write-token")
def write_token(namespace: str, name: str, hub: HubContext, caller: CallerContext) -> JSONResponse:
    _require_write(caller, namespace)
    _bucket(f"{namespace}/{name}", hub=hub, caller=caller)
    return lend_for_upload(hub)


@router.post("/api/buckets/{namespace}/{name}/batch")
async def change(
    namespace: str, name: str, request: Request, hub: HubContext, caller: CallerContext
) -> dict[str, Any]:
    _require_write(caller, namespace)
    bucket = _bucket(f"{namespace}/{name}", hub=hub, caller=caller)
    for line in (await request.body()).splitlines():
        operation = json.loads(line)
        if operation["type"] != "addFile":
            raise HubError(400, f"Unknown operation: {operation['type']}")
        bucket.files[operation["path"]] = hub.store.received(operation["xetHash"])
    return {"success": True, "failed": []}


def _require_write(caller: Caller, namespace: str) -> None:
    if not caller.signed_in:
        raise sign_in_first()
    if not caller.may_create_in(namespace):
        raise HubError(403, f"You don't have the rights to write to {namespace}")


def _bucket(bucket_id: str, *, hub: Hub, caller: Caller) -> Bucket:
    if bucket_id not in hub.store.buckets:
        raise repo_not_found(signed_in=caller.signed_in)
    return hub.store.buckets[bucket_id]
