"""The worst files on the page: each ends soon, in words that help, and the page lives on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.data.preview import Question
from core.data.previewer import Previewer, Superseded, require
from core.errors import UserError
from core.machine.source_tree import ROOT
from tests.command_line import CommandLine
from tests.hub import HubDouble
from tests.interface.harness import Server
from tests.interface.pages.looks import Looks, at
from tests.interface.pages.worst_files import WORST, Worst, bad_line, slow_bomb
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def looks(server: Server) -> Looks:
    return Looks(server)


@pytest.fixture(scope="module")
def previewer() -> Iterator[Previewer]:
    with closing(Previewer()) as opened:
        yield opened


@pytest.mark.parametrize("worst", WORST, ids=lambda worst: worst.name)
def test_a_bad_file_is_told_and_the_page_lives_on(
    looks: Looks, tmp_path: Path, worst: Worst
) -> None:
    shown = looks.look(worst.make(tmp_path))
    assert all(words in shown.figures for words in (*worst.words, worst.hint)), shown.figures
    assert shown.blocking.keys() == ({at(worst.field)} if worst.field else set())
    assert "Rows 320" in looks.look().figures


def test_bad_lines_can_be_skipped_and_are_counted(looks: Looks, tmp_path: Path) -> None:
    shown = looks.look(bad_line(tmp_path), filters__skip_unreadable=True)
    assert "Rows 9" in shown.figures
    assert "Skipped 1 row (line 5): not JSON" in shown.figures
    assert "line 1 " in shown.rows
    # The figures of what was read before a bad line are not those of the whole.
    assert "Rows looked at so far 1" in looks.look(bad_line(tmp_path)).figures


def test_two_may_look_at_the_same_slow_data(server: Server, tmp_path: Path) -> None:
    """Whoever waits for it must not end the look of the other, who would see nothing for ever."""
    file = slow_bomb(tmp_path)
    with ThreadPoolExecutor() as pool:
        people = [Looks(server, others=1), Looks(server, others=1)]
        shown = list(pool.map(lambda looks: looks.look(file), people))
    assert all("more memory" in each.figures for each in shown), shown


def test_only_the_newest_look_of_a_page_fills_its_panel(looks: Looks, tmp_path: Path) -> None:
    overtaken = looks.begin(slow_bomb(tmp_path))
    wait_until(lambda: "Looking at the data" in str(overtaken.outputs()))
    assert "Rows 320" in looks.look().figures
    assert all("Looking at the data" in str(shown) for shown in overtaken)


def test_a_look_that_is_given_up_for_others_is_begun_again(
    previewer: Previewer, server: Server, tmp_path: Path
) -> None:
    file = slow_bomb(tmp_path)
    slow = parse_config({"dataset": {"source": "upload", "files": [file.name]}})
    asked = [
        Question(config=slow, files={file.name: file}, home=server.home),
        Question(config=RunConfig(), home=server.home),
    ]
    # Its process is warm from now on, so that the slow look has no excuse.
    previewer.ask(asked[1], token=None)
    # Between two looks there is none to give up, and the next needs the process.
    previewer._patient_until = 0.0
    previewer._hurry(asked[0])
    assert not previewer._gave_up
    with ThreadPoolExecutor() as pool:
        first, second = [pool.submit(previewer.ask, each, token=None) for each in asked]
        assert second.result().statistics.rows
        assert not first.done()
    with pytest.raises(UserError, match="more memory"):
        require(first.result())
    with pytest.raises(Superseded):
        previewer.ask(asked[1], token=None, is_wanted=lambda: False)


def test_a_name_that_leads_elsewhere_stays_in_the_uploads(server: Server, looks: Looks) -> None:
    answer = httpx.post(
        f"{server.url}/gradio_api/upload",
        files={"files": ("../../../evil.csv", b"prompt,completion\n2 + 2?,4\n")},
    )
    (path,) = answer.json()
    uploads = server.home / "uploads"
    assert Path(path).resolve().is_relative_to(uploads)
    written = [*server.home.parent.rglob("evil*"), *ROOT.parent.glob("evil*")]
    assert all(file.is_relative_to(uploads) for file in written)
    sent = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
    shown = looks.look(dataset__source="upload", dataset__files=sent)
    assert shown.learned.startswith("4")


def test_a_yaml_names_no_file_elsewhere(command_line: CommandLine, home: Path) -> None:
    (home.parent / "evil.csv").write_text("prompt,completion\na,b\n", encoding="utf-8")
    file = home / "run.yaml"
    file.write_text(
        "version: 2\ndataset: {source: upload, files: [../evil.csv]}\n", encoding="utf-8"
    )
    for command in ("preview", "train"):
        done = command_line(command, str(file))
        assert done.returncode == 2
        assert "dataset.files: Entry 1: Name a file without its folder" in done.stderr
    assert not list((home / "runs").glob("*"))


def test_a_dataset_that_is_a_script_is_refused_at_its_name(
    connected: Server, page_hub: HubDouble
) -> None:
    script = b"raise SystemExit('This must never run.')\n"
    page_hub.add_repo(kind="dataset", repo_id="acme/scripted", files={"scripted.py": script})
    chosen = {"dataset__source": "hub", "dataset__name": "acme/scripted"}
    message = Looks(connected).start(**chosen)[at("dataset.name")]
    assert "acme/scripted is made by a script of its own" in message
    assert "Look for a copy of it with parquet files" in message
