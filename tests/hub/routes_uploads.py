"""Where the bytes of large files go: LFS, whole or in parts, and Xet."""

import time
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from .context import Hub, HubContext, WritableContext, needs_read, needs_room, needs_write
from .errors import HubError
from .xet import LIFETIME, XetStores

router = APIRouter()

PART = 5_000_000
GIT_LFS = "application/vnd.git-lfs+json"


class Wanted(BaseModel):
    oid: str
    size: int


class Batch(BaseModel):
    operation: Literal["upload"]
    objects: list[Wanted]


class Part(BaseModel):
    partNumber: int
    etag: str


class Completion(BaseModel):
    oid: str
    parts: list[Part]


@router.post("/{namespace}/{name}.git/info/lfs/objects/batch", dependencies=[needs_room])
@router.post("/{kinds}/{namespace}/{name}.git/info/lfs/objects/batch", dependencies=[needs_room])
def plan_lfs(batch: Batch, repo: WritableContext, hub: HubContext) -> JSONResponse:
    verify = f"{hub.endpoint}/api/{repo.kind}s/{repo.repo_id}/lfs-verify"
    objects = [_instructions(wanted, verify=verify, hub=hub) for wanted in batch.objects]
    in_parts = any("chunk_size" in str(instructions) for instructions in objects)
    transfer = "multipart" if in_parts else "basic"
    return JSONResponse({"transfer": transfer, "objects": objects}, media_type=GIT_LFS)


@router.post("/api/{kinds}/{namespace}/{name}/lfs-verify", dependencies=[needs_write])
def verify_lfs(wanted: Wanted, hub: HubContext) -> None:
    path = hub.store.blobs.path(wanted.oid)
    if not path.is_file() or path.stat().st_size != wanted.size:
        raise HubError(404, f"Object {wanted.oid} does not exist")


@router.put("/storage/{oid}")
async def store_whole(oid: str, request: Request, hub: HubContext) -> None:
    path = hub.store.blobs.scratch()
    with path.open("wb") as file:
        async for chunk in request.stream():
            file.write(chunk)
    hub.store.blobs.adopt(path, expected=oid)


@router.put("/storage/{oid}/{number}")
async def store_part(oid: str, number: int, request: Request, hub: HubContext) -> Response:
    etag = hub.store.blobs.add(await request.body())
    return Response(headers={"ETag": f'"{etag}"', "X-Part": f"{oid[:8]}-{number}"})


@router.post("/storage/{oid}/complete")
def complete(oid: str, completion: Completion, hub: HubContext) -> None:
    blobs = hub.store.blobs
    path = blobs.scratch()
    with path.open("wb") as file:
        for part in sorted(completion.parts, key=lambda part: part.partNumber):
            file.write(blobs.path(part.etag.strip('"')).read_bytes())
    blobs.adopt(path, expected=oid)


@router.get("/api/{kinds}/{namespace}/{name}/xet-write-token/{revision}", dependencies=[needs_room])
def lend_for_upload(hub: HubContext) -> JSONResponse:
    return _connection(_stores(hub).lend_for_upload())


@router.get("/api/{kinds}/{namespace}/{name}/xet-read-token/{revision}", dependencies=[needs_read])
def lend_for_download(hub: HubContext) -> JSONResponse:
    return _connection(_stores(hub).lend_for_download())


def _instructions(wanted: Wanted, *, verify: str, hub: Hub) -> dict[str, Any]:
    if hub.store.blobs.has(wanted.oid):
        return {"oid": wanted.oid, "size": wanted.size}
    upload: dict[str, Any] = {"href": f"{hub.storage}/storage/{wanted.oid}"}
    if wanted.size > hub.multipart_over:
        numbers = range(1, -(-wanted.size // PART) + 1)
        parts = {str(number): f"{upload['href']}/{number}" for number in numbers}
        upload = {
            "href": f"{hub.endpoint}/storage/{wanted.oid}/complete",
            "header": {"chunk_size": str(PART), **parts},
        }
    actions = {"upload": upload, "verify": {"href": verify}}
    return {"oid": wanted.oid, "size": wanted.size, "authenticated": True, "actions": actions}


def _stores(hub: Hub) -> XetStores:
    if hub.store.xet is None:
        raise HubError(404, "This Hub has no Xet storage")
    return hub.store.xet


def _connection(address: str) -> JSONResponse:
    expires = int(time.time()) + LIFETIME
    body = {"casUrl": address, "accessToken": "xet-token", "exp": expires}
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": "xet-token",
        "X-Xet-Token-Expiration": str(expires),
    }
    return JSONResponse(body, headers=headers)
