"""The data is checked in a process that others may use, too."""

from contextlib import closing
from pathlib import Path

import pytest

from core.config.check import Context
from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.data.checks import check_data
from core.data.preview import Question
from core.data.previewer import Previewer
from core.errors import InvalidConfig

pytestmark = pytest.mark.process


def test_a_check_goes_on_elsewhere_when_others_look_at_other_data(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.previewer.CHECK_SECONDS", 0.02)
    file = home / "many.csv"
    rows = "".join(f"What is {n}?,It is {n}.\n" for n in range(2000))
    file.write_text(f"prompt,completion\n{rows}Nothing?,\n", encoding="utf-8")
    config = parse_config({"dataset": {"source": "upload", "files": [file.name]}})
    reports: list[str] = []
    with closing(Previewer()) as shared:
        shared.ask(Question(config=config, files={file.name: file}, home=home), token=None)

        def report(text: str) -> None:
            if text.startswith("Checked") and not any("Checked" in each for each in reports):
                shared.ask(Question(config=RunConfig(), home=home), token=None)
            reports.append(text)

        context = Context(files={file.name: file}, home=home, token=None, report=report)
        with pytest.raises(InvalidConfig) as refused:
            check_data(config, context, previewer=shared)
    assert "line 2002" in refused.value.fields["dataset.files"].replace(",", "")
    assert reports[1].startswith("Checked")
