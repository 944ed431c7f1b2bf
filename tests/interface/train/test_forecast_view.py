"""What a run takes, and what one should know of its rows beside Start."""

from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.data.preview import Preview, Statistics
from interface.train import forecast_view


@pytest.mark.parametrize(("rows", "skipped", "is_told"), [(6, 54, True), (54, 6, False)])
def test_most_rows_are_not_skipped_in_silence(
    tmp_path: Path, rows: int, skipped: int, is_told: bool
) -> None:
    config = RunConfig()
    found = Statistics(rows=rows, skipped=skipped, tokens=900, longest=99, complete=True)
    facts = forecast_view.facts_of(config, Preview(statistics=found))
    shown = forecast_view.show(config, facts, home=tmp_path)
    told = "54 of 60 rows can&#39;t be read and are skipped: the preview says why."
    assert (told in shown) == is_told
