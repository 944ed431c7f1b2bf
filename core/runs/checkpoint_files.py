"""Whether a checkpoint's files are as they were saved: by its manifest, which is written last."""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from core.machine.atomic import write_atomically
from core.machine.hardware import cpu_cores

MANIFEST = "manifest.json"
TRAINER_STATE = "trainer_state.json"
# Without one of these transformers starts its optimizer anew, and says nothing.
_NEEDED = (TRAINER_STATE, "optimizer.pt", "scheduler.pt")
_INDEX = "model.safetensors.index.json"


class FileRecord(BaseModel):
    """A file as it was when it was saved."""

    size: int
    sha256: str


class CheckpointManifest(BaseModel):
    """The files of a checkpoint, by their paths in its folder."""

    files: dict[str, FileRecord]


def write_manifest(checkpoint: Path) -> None:
    """Name all files of a finished checkpoint in its manifest."""
    paths = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    names = [path.relative_to(checkpoint).as_posix() for path in paths]
    sizes = [path.stat().st_size for path in paths]
    records = [
        FileRecord(size=size, sha256=sha256)
        for size, sha256 in zip(sizes, _hashes(paths), strict=True)
    ]
    manifest = CheckpointManifest(files=dict(zip(names, records, strict=True)))
    write_atomically(checkpoint / MANIFEST, manifest.model_dump_json(indent=2))


def saved_files(checkpoint: Path) -> dict[str, FileRecord]:
    """The files as they were saved, by their paths; none where an older version saved them.

    Raises ValidationError where the manifest can't be read.
    """
    if not (checkpoint / MANIFEST).exists():
        return {}
    text = (checkpoint / MANIFEST).read_bytes()
    return CheckpointManifest.model_validate_json(text).files


def untouched(checkpoint: Path) -> dict[str, FileRecord]:
    """Those of the saved files that nobody has written to since, by their sizes and times."""
    files = saved_files(checkpoint)
    written = (checkpoint / MANIFEST).stat().st_mtime_ns if files else 0
    now = {name: (checkpoint / name).stat() for name in files}
    return {
        name: record
        for name, record in files.items()
        if now[name].st_size == record.size and now[name].st_mtime_ns <= written
    }


def damage(checkpoint: Path, *, reads_all: bool) -> str:
    """What is wrong with a checkpoint, "" where it is whole.

    Sizes are compared at every look. Contents are where it `reads_all`, which takes as long as
    loading it. One that an older version saved has no manifest: its files have to parse.

    Raises OSError where it `reads_all` and can't be read, which may pass.
    """
    try:
        if not (checkpoint / MANIFEST).exists():
            return _damage_without_manifest(checkpoint)
        return _difference(checkpoint, saved_files(checkpoint), reads_all=reads_all)
    except ValidationError:
        return f"{MANIFEST} can't be read"
    except OSError as error:
        if reads_all:
            raise
        return f"a file can't be read ({error.strerror})"


def _difference(checkpoint: Path, files: dict[str, FileRecord], *, reads_all: bool) -> str:
    for name, record in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if (size := path.stat().st_size) != record.size:
            return f"{name} has {size:,} bytes instead of {record.size:,}"
    if reads_all:
        hashes = _hashes(checkpoint / name for name in files)
        for (name, record), sha256 in zip(files.items(), hashes, strict=True):
            if sha256 != record.sha256:
                return not_as_saved(name)
    return ""


def not_as_saved(name: str) -> str:
    return f"{name} is not as it was saved"


def _damage_without_manifest(checkpoint: Path) -> str:
    weights = list(checkpoint.glob("*.safetensors"))
    needed = (*_NEEDED, *_shards(checkpoint))
    missing = [name for name in needed if not (checkpoint / name).is_file()]
    if missing or not weights:
        return f"{(*missing, 'its file of weights')[0]} is missing"
    if not _is_state_of(checkpoint):
        return f"{TRAINER_STATE} can't be read"
    # What torch saves is a zip archive, whose table of contents comes last.
    archives = [*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]
    torn = [path for path in weights if not _is_safetensors(path)]
    torn += [path for path in archives if not zipfile.is_zipfile(path)]
    return f"{torn[0].name} is not whole" if torn else ""


def _is_safetensors(path: Path) -> bool:
    """Whether its table of contents can be read, and the file is as long as that says."""
    try:
        with safe_open(path, framework="np"):
            return True
    except SafetensorError:
        return False


def _shards(checkpoint: Path) -> list[str]:
    index = checkpoint / _INDEX
    if not index.exists():
        return []
    try:
        return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"a readable {_INDEX}"]


def _is_state_of(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / TRAINER_STATE).read_bytes())
    except ValueError:
        return False
    return isinstance(state, dict) and checkpoint.name.endswith(f"-{state.get('global_step')}")


def _hashes(paths: Iterable[Path]) -> list[str]:
    """One file per core: hashing lets go of the interpreter."""
    with ThreadPoolExecutor(max_workers=cpu_cores()) as pool:
        return list(pool.map(_sha256, paths))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
