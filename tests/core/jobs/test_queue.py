"""A machine that goes down starts nothing any more, and one that is back starts again."""

from pathlib import Path

from core.jobs.queue import Queue
from core.machine.processes import ProcessIdentity


def test_a_queue_is_closed_as_long_as_whoever_closed_it_lives(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    assert not queue.is_closed()
    queue.close()
    assert Queue(tmp_path).is_closed()
    file = queue.folder / "closed"
    closed_by = ProcessIdentity.model_validate_json(file.read_bytes())
    # One with its pid, in another container or after a restart.
    earlier = closed_by.model_copy(update={"started": closed_by.started - 1})
    for left in (earlier.model_dump_json(), "{", "", '{"boot": "x"}'):
        file.write_text(left, encoding="utf-8")
        assert not queue.is_closed()
