"""Runs as folders: made once for each press of Start, listed whole, opened by id alone."""

from pathlib import Path

import pytest

from core.config.parse import load_config, parse_config
from core.errors import InvalidConfig, UserError
from core.runs.state import RunState, Wish
from core.runs.store import RunStore, first_status

SUBMISSION = "ab" * 8
CONFIG = parse_config({"output": {"name": "bot"}})


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def test_a_rule_that_came_later_stops_no_older_run(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    method = "version: 2\nmethod: {name: dpo, label_smoothing: 0.1}\n"
    run.paths.config.write_text(method, encoding="utf-8")
    assert run.config().method.name == "dpo"
    with pytest.raises(InvalidConfig):
        load_config(method)


def test_a_submission_makes_one_run(store: RunStore) -> None:
    run, is_new = store.create(CONFIG, files={}, submission=SUBMISSION)
    again, is_new_again = store.create(CONFIG, files={}, submission=SUBMISSION)
    assert (is_new, is_new_again) == (True, False)
    assert again == run
    assert store.list() == [run]
    other, _ = store.create(CONFIG, files={}, submission="cd" * 8)
    assert {found.id for found in store.list()} == {run.id, other.id}


def test_a_run_is_found_by_its_name_where_no_other_has_it(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    assert store.find(run.id) == store.find("bot") == run
    with pytest.raises(UserError, match="There is no run 'bots'"):
        store.find("bots")
    other, _ = store.create(CONFIG, files={}, submission="cd" * 8)
    with pytest.raises(UserError, match="2 runs are called 'bot'") as raised:
        store.find("bot")
    assert run.id in str(raised.value)
    assert other.id in str(raised.value)


def test_the_newest_runs_are_listed_first(store: RunStore) -> None:
    ids = []
    for second in (3, 1, 2):
        run, _ = store.create(CONFIG, files={}, submission=f"{second:016x}")
        ids.append(f"20260101-00000{second}-0123abcd")
        run.paths.root.rename(run.paths.root.with_name(ids[-1]))
    assert [run.id for run in store.list()] == sorted(ids, reverse=True)
    assert [run.id for run in store.list(newest=2)] == sorted(ids, reverse=True)[:2]


@pytest.mark.parametrize("submission", ["", "short", "../../../../etc", "AB" * 8, "ab" * 40])
def test_a_submission_is_one_of_ours(store: RunStore, submission: str) -> None:
    with pytest.raises(UserError, match="not one of ours"):
        store.create(CONFIG, files={}, submission=submission)
    assert not store.list()


def test_a_run_has_its_own_copies_of_the_files(store: RunStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("text\na\n", encoding="utf-8")
    asked = {
        "dataset": {"source": "upload", "files": ["mine.csv"]}, "output": {"name": "bot"}
    }  # fmt: skip
    config = parse_config(asked)
    run, _ = store.create(config, files={"mine.csv": file}, submission=SUBMISSION)
    file.unlink()
    assert run.files()["mine.csv"].read_text(encoding="utf-8") == "text\na\n"
    assert run.config() == config
    assert run.status().state is RunState.QUEUED


@pytest.mark.parametrize("run_id", ["", "..", "../../etc", "20260101-000000-0123abcd", "x" * 99])
def test_only_runs_are_opened(store: RunStore, run_id: str) -> None:
    with pytest.raises(UserError, match="There is no run"):
        store.open(run_id)
    assert not store.has(run_id)


def test_what_is_no_whole_run_is_not_listed(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    for name in (f".{run.id}", "20260101-000000-0123abcd", "notes"):
        (run.paths.root.parent / name).mkdir()
    assert store.list() == [run]


def test_a_status_of_another_version_hides_no_other_run(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    strange, _ = store.create(CONFIG, files={}, submission="cd" * 8)
    text = strange.paths.status.read_text(encoding="utf-8")
    strange.paths.status.write_text(text.replace("queued", "dreaming"), encoding="utf-8")
    assert [found.id for found, _ in store.readable()] == [run.id]
    with pytest.raises(UserError, match="Another version of SmolFactory"):
        strange.status()


def test_where_to_push_as_another_version_chose_it_is_told(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    for text in ('{"name": "bot", "galaxy": "far away"}', "{", "[]", "null", '"bot"'):
        run.paths.push.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="Another version of SmolFactory"):
            run.output()


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[", b"- a", b"version: 99\n", None])
def test_settings_that_cannot_be_read_are_told_and_raise_nothing_else(
    store: RunStore, data: bytes | None
) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    for path, read in ((run.paths.config, run.config), (run.paths.resolved, run.resolved)):
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        # What was resolved is written later, and holds any names.
        if path == run.paths.resolved and data in (None, b"version: 99\n"):
            read()
            continue
        with pytest.raises(UserError):
            read()


def test_what_a_newer_version_asks_is_nothing_to_this_one(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    for text in ('{"wish": "sample"}', '{"wish": 3}', "[]", "{", ""):
        run.paths.request.write_text(text, encoding="utf-8")
        assert run.wish() is None
    run.paths.request.write_text('{"wish": "stop", "by": "ada"}', encoding="utf-8")
    assert run.wish() is Wish.STOP


def test_a_wish_is_the_last_that_was_asked(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    assert run.wish() is None
    run.ask(Wish.STOP)
    run.ask(Wish.CANCEL)
    assert run.wish() is Wish.CANCEL


def test_a_run_from_elsewhere_is_adopted_once(store: RunStore, tmp_path: Path) -> None:
    run_id = "20260101-000000-0123abcd"
    status = first_status(run_id=run_id, config=CONFIG)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    run = store.adopt(run_id, tmp_path / "first", status=status)
    assert store.list() == [run]
    with pytest.raises(UserError, match="is here already"):
        store.adopt(run_id, tmp_path / "second", status=status)


def test_a_run_has_one_supervisor(store: RunStore) -> None:
    run, _ = store.create(CONFIG, files={}, submission=SUBMISSION)
    assert not run.is_supervised()
    held = run.lock()
    assert held is not None
    assert run.is_supervised()
    assert run.lock() is None


def test_a_run_that_nobody_named_has_a_name_of_its_own(store: RunStore) -> None:
    names = [
        store.create(parse_config({}), files={}, submission=f"{n:032x}")[0].config().output.name
        for n in range(3)
    ]
    name = "smollm2-135m-facts-to-json"
    assert names == [name, f"{name}-2", f"{name}-3"]
    # Another look at the same home, as after a restart.
    assert RunStore(store.home).named(parse_config({})).output.name == f"{name}-4"
