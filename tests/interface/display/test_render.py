"""Whatever people, models and the Hub wrote is text on the page, and never a part of it."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import gradio as gr
import pytest
from jinja2 import UndefinedError

from core.checkpoint_sync.status import SyncStatus
from core.config.parse import parse_config
from core.config.rewards.trial import Trial, Tried
from core.data.preview import Bar, Fault, Piece, Preview, Question, ShownRow, Side, Statistics
from core.errors import InvalidConfig, UserError
from core.hub.account import Account
from core.hub.spaces import Hardware
from core.jobs.fixes import Change, Fix
from core.machine.source_tree import ROOT
from core.publish.demo_space import Demo
from core.runs.causes import FailureCause
from core.runs.events import (
    Failure,
    Progress,
    Pushed,
    PushFailed,
    Sample,
    Scored,
    ScoredAnswer,
    Tracked,
)
from core.runs.history import History
from core.runs.state import RunState, RunStatus
from core.runs.store import Run, RunStore
from interface.access.roles import in_plain_words
from interface.account.checklist import Check
from interface.display import messages, problems
from interface.display.problems import Problem
from interface.display.render import TEMPLATES, render
from interface.runs import outcome, push_card, run_view
from interface.runs.snapshots import Snapshot
from interface.train import data_view, summary
from tests.interface.harness import make_run

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='x' &lt; {{ 7 * 7 }} {% raw %}"
)
SCRIPT = "javascript:alert(1)"
SOURCES = sorted((ROOT / "interface").rglob("*.py"))
# What these put between tags is this repository's own: the titles of cards, the page's script.
OWN_WORDS = [
    ROOT / "interface" / "train" / "form.py",
    ROOT / "interface" / "display" / "theme.py",
]


class Seen(HTMLParser):
    """What a browser makes of HTML: its tags, their attributes, and the text that one reads."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str | None] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def snapshot(run: Run, history: History, state: RunState, **parts: object) -> Snapshot:
    values: dict[str, object] = {
        "run": run,
        "status": hostile_status(state),
        "history": history,
        "settings": "",
        "output": None,
        "curves": "",
        "log": "",
        "has_model": True,
        "fixes": [],
        "is_in_reach": True,
        "is_adapter": True,
        "scores": False,
        "sync": SyncStatus(repo=HOSTILE, step=5),
        "demo": Demo(url=SCRIPT, repo=HOSTILE),
        "wish": None,
        "resumes_at": None,
    }
    return Snapshot(**(values | parts))  # type: ignore[arg-type]


def hostile_status(state: RunState) -> RunStatus:
    now = datetime.now(UTC)
    return RunStatus(
        id=HOSTILE,
        name=HOSTILE,
        base_model=HOSTILE,
        dataset=HOSTILE,
        state=state,
        created=now,
        updated=now,
        note=HOSTILE,
    )


def hostile_history() -> History:
    history = History(path=Path("events.jsonl"), warnings=[HOSTILE])
    history.pushed = Pushed(
        time=datetime.now(UTC), repo=HOSTILE, url=SCRIPT, commit="c", files=1, size=1, private=True
    )
    history.tracked = Tracked(repo=HOSTILE, url=SCRIPT, dashboard=SCRIPT)
    history.samples = [
        Sample(step=1, prompt=HOSTILE, answer=HOSTILE, base_answer=HOSTILE, reference=HOSTILE)
    ]
    answers = [ScoredAnswer(answer=HOSTILE, rewards={HOSTILE: None}, advantage=0.5)]
    history.scored = Scored(step=1, prompt=HOSTILE, answers=answers)
    history.progress = Progress(
        step=1, total=2, epoch=0.5, tokens=9, tokens_per_second=9.0, seconds=1.0, eta=1.0
    )
    return history


def hostile_preview() -> Preview:
    piece = Piece(text=HOSTILE, ids=[1], trained=True)
    return Preview(
        format="messages",
        parts={HOSTILE: HOSTILE},
        columns=["c"],
        warnings=[HOSTILE],
        fault=Fault(message=HOSTILE, hint=HOSTILE),
        rows=[
            ShownRow(
                index=0,
                place=HOSTILE,
                use=HOSTILE,
                answer=HOSTILE,
                sides=[Side(name="row", tokens=1, trained=1, pieces=[piece])],
            )
        ],
        statistics=Statistics(
            rows=9, longest=9, histogram=[Bar(low=0, high=5, rows=4), Bar(low=5, high=10, rows=5)]
        ),
    )


def toast(error: UserError) -> str:
    with pytest.raises(gr.Error) as raised, in_plain_words():
        raise error
    return str(raised.value.message)


def rendered(store: RunStore) -> Iterator[tuple[str, str]]:
    """Every part of the page that says what somebody else wrote, with hostile text in it."""
    run, history = make_run(store, state=RunState.DONE), hostile_history()
    done = snapshot(run, history, RunState.DONE)
    yield "head", run_view.head(done)
    yield "samples", outcome.samples(done)
    yield "list", run_view.run_list([done.status], selected=HOSTILE)
    syncing = snapshot(
        run, History(path=history.path), RunState.QUEUED, demo=Demo(note=HOSTILE)
    )  # fmt: skip
    yield "head that syncs", run_view.head(syncing)
    troubled = snapshot(
        run,
        History(path=history.path),
        RunState.STOPPED,
        sync=SyncStatus(problem=HOSTILE),
        demo=Demo(problem=HOSTILE),
    )
    yield "head with problems", run_view.head(troubled)
    yield "push card", push_card.said(snapshot(run, history, RunState.DONE), signed_in=False)
    history.push_failure = PushFailed(cause=HOSTILE, explanation=HOSTILE, remedies=[HOSTILE])
    yield "failed push", run_view.failure(snapshot(run, history, RunState.DONE))
    failed = History(path=history.path)
    failed.failure = Failure(cause=HOSTILE, explanation=HOSTILE, remedies=[HOSTILE])
    fixes = [Fix(HOSTILE, (Change("model.name", HOSTILE, HOSTILE),), parse_config({}))]
    yield "failure", run_view.failure(snapshot(run, failed, RunState.FAILED, fixes=fixes))
    warned = History(path=history.path, troubles=[FailureCause.DIVERGING])
    yield "advice", run_view.failure(snapshot(run, warned, RunState.TRAINING, fixes=fixes))
    config = parse_config({"output": {"name": "bot"}})
    model = config.model.model_copy(update={"name": HOSTILE})
    around = summary.Circumstances(signed_in=True, token_seconds=None, on_space=False)
    yield "summary", summary.show(config.model_copy(update={"model": model}), around)
    preview = hostile_preview()
    yield "figures", data_view.figures(preview)
    yield "rows", data_view.rows(preview, Question(config=config, home=store.home))
    trial = Trial([HOSTILE], [Tried(HOSTILE, HOSTILE, [None], 0.0)], [HOSTILE])
    yield "tried", render("train/rewards_tried.html", trial=trial, reference=HOSTILE)
    yield "blocked", data_view.blocked(UserError(HOSTILE, hint=HOSTILE))
    yield "problems", problems.listed(InvalidConfig({HOSTILE: HOSTILE, "yaml": HOSTILE}))
    named = Problem(HOSTILE, label=HOSTILE, field=HOSTILE, fold=HOSTILE)
    yield "problems at fields", problems.show([named], heading=HOSTILE, reveal=True)
    yield "message", messages.busy(HOSTILE)
    yield "empty", messages.empty(HOSTILE, HOSTILE)
    yield "toast", toast(UserError(HOSTILE, hint=HOSTILE))
    yield "machine", render("machine.html", machine=HOSTILE, account=HOSTILE)
    yield "loaded", render("train/loaded.html", files=[HOSTILE])
    yield from hostile_account()


def hostile_account() -> Iterator[tuple[str, str]]:
    account = Account(
        name=HOSTILE, organizations=[HOSTILE], writable=frozenset(), kind=HOSTILE, label=HOSTILE
    )
    yield (
        "account",
        render(
            "account/account.html",
            account=account,
            ends_in=None,
            writable=[HOSTILE],
            unsure=[HOSTILE],
            only_readable=[HOSTILE],
            is_tested=True,
        ),
    )
    yield "hub", render("account/hub.html", address=HOSTILE, is_default=False, lacks=[HOSTILE])
    checks = [Check(done=True, title=HOSTILE, text=HOSTILE)]
    yield "checklist", render("account/checklist.html", checks=checks)
    hardware = Hardware(name="t4", label=HOSTILE, accelerator="T4", price=0.4)
    yield "price", render("account/price.html", hardware=hardware, seconds=60.0, spent=0.01)
    yield "visitor card", render("account/visitor_card.html", owner=HOSTILE, prices=[HOSTILE])


def test_hostile_text_is_text(tmp_path: Path) -> None:
    for name, html in rendered(RunStore(tmp_path)):
        seen = Seen(html)
        assert not seen.tags & {"script", "img"}, name
        assert not {each for each in seen.attributes if each.startswith("on")}, name
        assert not [link for link in seen.links if link and link.startswith(SCRIPT)], name
        assert HOSTILE in seen.text, name


def test_only_a_web_address_is_a_link() -> None:
    address = "https://huggingface.co/acme/bot"
    assert Seen(render("account/duplicated.html", address=address)).links == [address]
    for other in (SCRIPT, "//evil.example", "data:text/html,x", " https://x"):
        seen = Seen(render("account/duplicated.html", address=other))
        assert seen.links == []
        assert other in seen.text


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("machine.html", machine="A machine")


def test_what_has_nothing_to_say_is_empty() -> None:
    """The style sheet hides a part that is empty, and one space is not."""
    preview = Preview()
    assert data_view.figures(preview) == ""
    question = Question(config=parse_config({"output": {"name": "bot"}}), home=Path("/"))
    assert data_view.rows(preview, question) == ""


def test_a_token_is_shown_to_its_last_space() -> None:
    text = "  a\n\n b "
    side = Side(name="row", tokens=1, trained=1, pieces=[Piece(text=text, ids=[1], trained=True)])
    preview = Preview(rows=[ShownRow(index=0, place="line 1", sides=[side])])
    question = Question(config=parse_config({"output": {"name": "bot"}}), home=Path("/"))
    shown = data_view.rows(preview, question)
    pre = shown[shown.index("<pre") : shown.index("</pre>")]
    assert Seen(pre).text.replace("↵", "") == text


def test_every_template_is_used_and_exists() -> None:
    templates = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    texts += [path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'"([a-z_/]+\.html)"', text)}
    assert named == templates


def test_nothing_but_the_templates_makes_html() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "escape(" not in text, path
        assert "Markup" not in text, path
        if path in OWN_WORDS:
            continue
        filled = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.JoinedStr)]
        assert not [ast.unparse(node) for node in filled if _has_tags(node)], path
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape", text), path


def _has_tags(filled: ast.JoinedStr) -> bool:
    constants = [part.value for part in filled.values if isinstance(part, ast.Constant)]
    return any(re.search(r"</?[a-z]", str(constant)) for constant in constants)


def test_who_waits_for_answers_of_a_reward_model_is_told(tmp_path: Path) -> None:
    run = make_run(RunStore(tmp_path), state=RunState.DONE)
    history = History(path=Path("events.jsonl"))
    for scores, told in ((True, "gives scores and no answers"), (False, "Sample answers appear")):
        shown = outcome.samples(snapshot(run, history, RunState.DONE, scores=scores))
        assert told in Seen(shown).text


def test_how_to_use_a_model_is_said_where_it_is_in_reach(tmp_path: Path) -> None:
    run = make_run(RunStore(tmp_path), state=RunState.DONE)
    output, history = parse_config({}).output, hostile_history()
    pushed = snapshot(run, history, RunState.DONE, is_in_reach=False, output=output)
    assert f"from_pretrained({json.dumps(HOSTILE)})" in outcome.use(pushed)
    history.pushed = None
    there = f'from_pretrained("{run.paths.model}")'
    assert there in outcome.use(snapshot(run, history, RunState.DONE))
    for parts in ({"is_in_reach": False}, {"has_model": False}):
        assert outcome.use(snapshot(run, history, RunState.DONE, **parts)).startswith("# ")
