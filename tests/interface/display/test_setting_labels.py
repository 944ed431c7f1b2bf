"""What core says of settings, as the page says it."""

import pytest

from interface.display.setting_labels import setting_value, with_labels


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            "Turn on `filters.skip_unreadable`.",
            "Turn on “Skip rows that can't be read” (Advanced settings, Filters).",
        ),
        ("Raise `method.max_length`.", "Raise “Maximum length”."),
        ("Set `columns.prompt`, or `columns.text`.", "Set “Prompt”, or “Text” (Advanced settings, "
         "Columns)."),
        ("Set `dataset.format` to `prompt_completion`.",
         "Set “Dataset format” to “Prompt and completion”."),
        ("Choose `auto`, or `none`.", "Choose “Automatic”, or “None”."),
        # A person's own words.
        ("There is no column `a.b`.", "There is no column `a.b`."),
        ("In filters.sample nothing.", "In filters.sample nothing."),
    ],
)  # fmt: skip
def test_paths_and_values_become_labels(told: str, shown: str) -> None:
    assert with_labels(told) == shown


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("training.learning_rate", 1e-5, "1e-05"),
        ("training.load_best_model_at_end", False, "Off"),
        ("model.quantization", "4bit", "4 bits (NF4)"),
        ("model.revision", None, "empty"),
        # A person's own words again.
        ("model.revision", "v1.0_beta", "v1.0_beta"),
    ],
)
def test_a_value_is_shown_as_its_field_does(
    path: str, value: str | float | None, shown: str
) -> None:
    assert setting_value(path, value) == shown
