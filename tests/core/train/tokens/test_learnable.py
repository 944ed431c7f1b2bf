"""What data can't teach, in the words of a person who has to put it right."""

from pathlib import Path

import pytest

from core.config.methods import METHODS
from core.config.methods.dpo import DpoSettings
from core.config.methods.settings import MethodSettings
from core.config.methods.sft import SftSettings
from core.config.options import DatasetFormat
from core.config.parse import parse_config
from core.data.mapping import RowMapping
from core.data.sources import sources_of
from core.errors import UserError
from core.train.tokens.learnable import nearest_method, require_format, skips

NEAREST = {
    DatasetFormat.MESSAGES: "sft",
    DatasetFormat.PROMPT_COMPLETION: "sft",
    DatasetFormat.TEXT: "sft",
    DatasetFormat.PREFERENCE: "dpo",
    DatasetFormat.UNPAIRED_PREFERENCE: "kto",
    DatasetFormat.PROMPT_ONLY: "grpo",
    DatasetFormat.AUTO: None,
}

OF_FILE = "has 3 values, but the header names 2 columns."


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (
            {"line 3": f"Line 3 of faq.csv {OF_FILE}", "line 7": f"Line 7 of faq.csv {OF_FILE}"},
            "Skipped 2 rows (line 3, line 7): 3 values, but the header names 2 columns.",
        ),
        (
            {"line 3 of my faq.csv": f"Line 3 of my faq.csv {OF_FILE}"},
            "Skipped 1 row (line 3 of my faq.csv): 3 values, but the header names 2 columns.",
        ),
        (
            {"row 2": "The column 'messages' in row 2 is not a list of messages."},
            "Skipped 1 row (row 2): the column 'messages' is not a list of messages.",
        ),
    ],
)
def test_rows_that_are_skipped_for_one_reason_are_told_together(
    faults: dict[str, str], told: str
) -> None:
    assert skips(faults.items()) == [told]


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (SftSettings(), "`columns.completion`"),
        (DpoSettings(), "`columns.chosen` and `columns.rejected`"),
    ],
)
def test_who_names_the_prompt_alone_is_told_to_name_the_answers(
    method: MethodSettings, settings: str
) -> None:
    dataset = {"source": "upload", "files": ["a.csv"]}
    config = parse_config({"dataset": dataset, "columns": {"prompt": "q"}})
    [source] = sources_of(config, {"a.csv": Path("a.csv")}).train
    mapping = RowMapping(DatasetFormat.PROMPT_ONLY, {"prompt": "q"}, unused=("reply", "id"))
    with pytest.raises(UserError) as raised:
        require_format(method, mapping, source=source)
    assert raised.value.hint.startswith(f"Set {settings}; not used so far: reply, id. Or choose")
    assert raised.value.field == settings.split("`")[1]


def test_each_format_has_a_nearest_method_or_none() -> None:
    assert NEAREST.keys() == set(DatasetFormat)
    for format, name in NEAREST.items():
        assert nearest_method(format) is (METHODS[name] if name else None)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_refuses_what_it_does_not_take_and_says_what_does(name: str) -> None:
    method = METHODS[name].model_validate({"name": name})
    [source] = sources_of(parse_config({}), {}).train
    for format, nearest in NEAREST.items():
        mapping = RowMapping(format, {"answer": "answer"})
        if format in method.formats:
            require_format(method, mapping, source=source)
            continue
        with pytest.raises(UserError, match=method.title.split(" (")[0]) as caught:
            require_format(method, mapping, source=source)
        assert format.words in caught.value.message
        assert all(taken.words in caught.value.message for taken in method.formats)
        assert (f"the method {METHODS[nearest].title}" in caught.value.hint) if nearest else True
