"""Publishes what a run measured, and its settings: python -m core.publish.tracking RUN_DIR

A process of its own, the only one of a run that holds the token while it works. All runs of an
account share one dataset, and each has files of its own there, so that no run rewrites another's.
"""

import sys
import tempfile
from pathlib import Path

import pyarrow
from pyarrow import parquet
from pydantic import SecretStr

from core.config.options import Tracking
from core.config.run_config import data_name
from core.errors import UserError
from core.hub.client import hub_client, hub_endpoint, is_default_hub
from core.hub.errors import hub_errors
from core.hub.permissions import experiments_repo
from core.hub.upload import Target, fingerprints, upload_verified
from core.machine.source_tree import TEMPLATES
from core.publish.trackio import show
from core.publish.warned import warn_of_lacks
from core.runs.events import Evaluation, EventWriter, Metric, Resumed, Tracked, Warned, read_events
from core.runs.paths import RunPaths
from core.runs.store import Run
from core.settings import token_of_this_process

CARD = TEMPLATES / "experiments.md"
# One row a number: runs measure different things, and the Hub shows only what has equal columns.
COLUMNS = pyarrow.schema(
    [
        ("run", pyarrow.string()),
        ("step", pyarrow.int64()),
        ("metric", pyarrow.string()),
        ("value", pyarrow.float64()),
    ]
)

Measured = dict[int, dict[str, float | None]]


def publish(run: Run, *, token: SecretStr | None) -> Tracked:
    """Upload the run's measurements and settings, and see that the Hub has them.

    Raises UserError when the Hub refuses or gives no answer.
    """
    output = run.config().output
    repo = experiments_repo(output, token)
    api = hub_client(token)
    with hub_errors(f"the dataset {repo}"):
        api.create_repo(repo, repo_type="dataset", private=output.hub_private_repo, exist_ok=True)
        has_card = api.file_exists(repo, "README.md", repo_type="dataset")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill_folder(run, folder)
        if not has_card:
            (folder / "README.md").write_text(_card(repo), encoding="utf-8")
        target = Target(repo, kind="dataset")
        local = fingerprints(folder)
        upload_verified(api, target, folder=folder, local=local, message=f"Add run {run.id}")
    return Tracked(repo=repo, url=f"{api.endpoint}/datasets/{repo}")


def draw(run: Run, tracked: Tracked, *, token: SecretStr | None) -> Tracked:
    """Renew the Trackio Space that draws the dataset. Raises UserError when that can't be."""
    # An organization may have made the new dataset private of its own accord.
    experiments_repo(run.config().output, token)
    api = hub_client(token)
    with tempfile.TemporaryDirectory() as name:
        dashboard = show(tracked.repo, api=api, folder=Path(name))
    return tracked.model_copy(update={"dashboard": dashboard})


def measured(path: Path) -> Measured:
    """All numbers of a run's events, by step; after a return to a step, those measured since."""
    found: Measured = {}
    offset = 0
    while True:
        events, end = read_events(path, offset=offset)
        if end == offset:
            return found
        offset = end
        for event in events:
            match event:
                case Metric() | Evaluation():
                    found.setdefault(event.step, {}).update(event.values)
                case Resumed():
                    found = {step: found[step] for step in found if step <= event.step}


def _card(repo: str) -> str:
    elsewhere = "" if is_default_hub() else f"\nSet `HF_ENDPOINT={hub_endpoint()}` first.\n"
    card = CARD.read_text(encoding="utf-8").replace("OWNER/NAME", repo)
    return card.replace("SET_ENDPOINT\n", f"{elsewhere}\n")


def _fill_folder(run: Run, folder: Path) -> None:
    """Lay out this run's two files as they lie in the dataset."""
    (folder / "metrics").mkdir()
    (folder / "runs").mkdir()
    rows = [
        {"run": run.id, "step": step, "metric": name, "value": value}
        for step, values in sorted(measured(run.paths.events).items())
        for name, value in sorted(values.items())
    ]
    table = pyarrow.Table.from_pylist(rows, schema=COLUMNS)
    parquet.write_table(table, folder / "metrics" / f"{run.id}.parquet")
    # Parquet too: the Hub shows a dataset only where all of it is of one kind.
    record = pyarrow.Table.from_pylist([_record(run)])
    parquet.write_table(record, folder / "runs" / f"{run.id}.parquet")


def _record(run: Run) -> dict[str, str]:
    """The run as one row: the same columns for every run, so settings stay in one as YAML."""
    config = run.config().for_publication()
    return {
        "run": run.id,
        "name": config.output.repo_name,
        "base_model": config.model.name,
        "data": data_name(config),
        "created": run.status().created.isoformat(),
        "settings": config.to_yaml(),
    }


def main() -> int:
    """Ends with 0 also when the Hub refused, once that is said: it fails no run."""
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    events = EventWriter(run.paths.events)
    token = token_of_this_process()
    what = "on the Hub"
    try:
        with warn_of_lacks(events):
            tracked = publish(run, token=token)
            events.write(tracked)
            if run.config().output.tracking is Tracking.TRACKIO:
                what = "in Trackio"
                events.write(draw(run, tracked, token=token))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        events.write(Warned(text=f"The curves are not {what}: {error}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
