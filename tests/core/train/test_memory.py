"""How long the longest row is, which decides on the memory of a step."""

from typing import Any

from datasets import Dataset

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.train.memory import longest_row

DPO = {"method": {"name": "dpo"}, "dataset": {"builtin": "facts_pairs"}}


def config_of(**sections: Any) -> RunConfig:
    return parse_config(sections)


def test_the_longest_row_counts_and_not_what_is_allowed() -> None:
    rows = Dataset.from_dict({"input_ids": [[1] * 7, [1] * 30], "labels": [[1] * 7, [1] * 30]})
    assert longest_row(config_of(), rows) == 30
    assert longest_row(config_of(method={"name": "sft", "max_length": 8}), rows) == 8
    mixed = Dataset.from_dict({"input_ids": [[1] * 7, [1] * 30, [1] * 9]})
    # The second is held out, say.
    assert longest_row(config_of(), mixed.add_column("labels", [[1]] * 3).select([0, 2])) == 9
    packed = config_of(method={"name": "sft", "packing": True})
    assert longest_row(packed, rows) == 1024
    assert longest_row(config_of(), rows.to_iterable_dataset()) == 1024
    pairs = {"prompt_ids": [[1] * 5], "chosen_ids": [[1] * 3], "rejected_ids": [[1] * 9]}
    assert longest_row(config_of(**DPO), Dataset.from_dict(pairs)) == 14
