"""What a home knows of a run's checkpoints on the Hub."""

from pathlib import Path

from core.checkpoint_sync.status import SyncStatus, sync_status
from core.config.parse import parse_config
from core.runs.store import RunStore


def test_the_status_of_version_0_1_0_is_read(tmp_path: Path) -> None:
    run, _ = RunStore(tmp_path).create(parse_config({}), files={}, submission="ab" * 8)
    assert sync_status(run) is None
    known = SyncStatus(repo="ada/bot-checkpoints", step=40)
    (run.paths.root / "kept.json").write_text(known.model_dump_json(), encoding="utf-8")
    assert sync_status(run) == known
