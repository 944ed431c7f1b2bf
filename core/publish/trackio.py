"""A Trackio dashboard of all tracked runs: a static Space, which needs no server and no token.

Trackio's static Spaces read their data in the visitor's browser, so they are public, and so is the
bucket with the data. Its other kind runs a server, into whose settings Trackio writes the token of
whoever made it; that kind is not for us.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from pyarrow import parquet

from core.errors import UserError
from core.hub.errors import hub_errors
from core.hub.lacks import is_lack

PROJECT = "smolfactory"
SPACE = "smolfactory-trackio"
BUCKET = f"{SPACE}-data"


def show(experiments: str, *, api: HfApi, folder: Path) -> str:
    """Make or renew the dashboard beside the dataset of experiments. Returns the Space's address.

    Trackio replaces all of the data that a dashboard shows, and the dataset has every run: what two
    runs that end at once leave out, the next one puts back.

    Raises UserError when the Hub or Trackio refuses.
    """
    space = f"{experiments.partition('/')[0]}/{SPACE}"
    with hub_errors(f"the dataset {experiments}", is_transfer=True):
        api.snapshot_download(
            experiments, repo_type="dataset", local_dir=folder / "runs",
            allow_patterns=["metrics/*.parquet", "runs/*.parquet"],
        )  # fmt: skip
    # Read when it is imported. A database of its own: the person's may be in use.
    os.environ["TRACKIO_DIR"] = str(folder / "trackio")
    import trackio

    for path in sorted((folder / "runs" / "metrics").glob("*.parquet")):
        settings = folder / "runs" / "runs" / path.name
        if not settings.exists():
            # Somebody has deleted one of its two files.
            continue
        record = parquet.read_table(settings).to_pylist()[0]
        trackio.init(
            PROJECT, name=path.stem, config=record, embed=False,
            auto_log_gpu=False, auto_log_cpu=False,
        )  # fmt: skip
        for step, values in _steps(path).items():
            trackio.log(dict(values), step=step)
        trackio.finish()
    try:
        with hub_errors(f"the Space {space}", is_transfer=True), _bucket_errors():
            trackio.sync(
                PROJECT, space_id=space, sdk="static", force=True,
                bucket_id=f"{experiments.partition('/')[0]}/{BUCKET}",
            )  # fmt: skip
    except (ValueError, EOFError) as error:
        # It tells of a Space of another kind in its own words, and asks for a token where it may
        # not write; nobody is there to give one.
        raise UserError(f"Trackio could not make {space}: {error}") from error
    return f"{api.endpoint}/spaces/{space}"


@contextmanager
def _bucket_errors() -> Iterator[None]:
    try:
        yield
    except HfHubHTTPError as error:
        if is_lack(error) and "/api/buckets" in str(error.response.url):
            raise UserError(
                "This Hub has no buckets, which a Trackio dashboard needs for its data.",
                hint="Set `output.tracking` to dataset.",
            ) from error
        raise


def _steps(path: Path) -> Mapping[int, Mapping[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for row in parquet.read_table(path).to_pylist():
        if row["value"] is not None:
            found.setdefault(row["step"], {})[row["metric"]] = row["value"]
    return found
