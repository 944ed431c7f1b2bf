"""A run's settings: what is read back, what is refused, and at which field."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from types import NoneType
from typing import get_args

import pytest
import yaml

from core.config.parse import MAX_YAML_BYTES, load_config, parse_config
from core.config.run_config import RunConfig
from core.errors import InvalidConfig
from core.machine.source_tree import ROOT
from tests.core.config.examples import CHANGED, SETTINGS, refused


def test_every_value_survives_the_file() -> None:
    config = parse_config(CHANGED)
    assert load_config(config.to_yaml()) == config
    kept = config.model_dump(mode="json", exclude_defaults=True)
    given = {f"{section}.{name}" for section, values in kept.items() for name in values}
    # Other methods have a test of their own, streaming goes with no sample, and quantized weights
    # with no training of all.
    others = {path for path, each in SETTINGS.items() if each.methods and "sft" not in each.methods}
    assert SETTINGS.keys() - given - others == {
        "method.name", "dataset.streaming", "model.quantization",
    }  # fmt: skip
    assert kept == CHANGED


def test_zero_is_a_value() -> None:
    for path in (
        "training.weight_decay", "training.max_grad_norm", "training.seed", "schedule.warmup_steps",
        "schedule.min_lr_rate", "schedule.warmup_lr_rate", "schedule.lr_end", "schedule.patience",
        "schedule.min_lr", "adapter.lora_dropout", "evaluation.fraction",
    ):  # fmt: skip
        section, name = path.split(".")
        config = parse_config({section: {name: 0}})
        assert yaml.safe_load(config.to_yaml())[section][name] == 0, path
        assert getattr(getattr(load_config(config.to_yaml()), section), name) == 0, path


def test_nothing_is_a_value() -> None:
    optional = [path for path, s in SETTINGS.items() if NoneType in get_args(s.field.annotation)]
    assert "training.max_steps" in optional
    for path in optional:
        section, name = path.split(".")
        method = {"name": methods[0]} if (methods := SETTINGS[path].methods) else {}
        config = parse_config({section: {**method, name: None}})
        assert getattr(getattr(load_config(config.to_yaml()), section), name) is None, path


def test_the_defaults_make_a_run() -> None:
    assert load_config("version: 2") == RunConfig()
    assert load_config(RunConfig().to_yaml()) == RunConfig()


BAD_VALUES = [
    ("training: {learning_rte: 1}", "training.learning_rte", "mean training.learning_rate?"),
    ("learning_rate: 1", "learning_rate", "mean training.learning_rate?"),
    ("training: {lr: 1}", "training.lr", "mean training.learning_rate?"),
    ("training: {num_epochs: 1}", "training.num_epochs", "mean training.num_train_epochs?"),
    ("training: {method: dpo}", "training.method", "mean method.name?"),
    ("schedule: {scheduler: 1}", "schedule.scheduler", "mean schedule.lr_scheduler_type?"),
    ("adapter: {lora_rank: 1}", "adapter.lora_rank", "mean adapter.lora_r?"),
    ("trainer: {}", "trainer", "no setting trainer"),
    ("version: 3", "version", "versions 1 to 2"),
    ("version: 0", "version", "versions 1 to 2"),
    ("version: true", "version", ""),
    ("version: one", "version", "versions 1 to 2"),
    ("version: null", "version", "versions 1 to 2"),
    ("training: 5", "training", ""),
    ("training: {num_train_epochs: many}", "training.num_train_epochs", "Write a number"),
    ("training: {num_train_epochs: [1]}", "training.num_train_epochs", "Write a number"),
    ("training: {num_train_epochs: null}", "training.num_train_epochs", "Write a number"),
    (
        "training: {per_device_train_batch_size: 1.5}",
        "training.per_device_train_batch_size",
        "Write a whole number",
    ),
    (
        "training: {per_device_train_batch_size: yes}",
        "training.per_device_train_batch_size",
        "number",
    ),
    ("training: {learning_rate: .nan}", "training.learning_rate", "Write a number"),
    ("training: {learning_rate: .inf}", "training.learning_rate", "Write a number"),
    ("training: {learning_rate: -.inf}", "training.learning_rate", "Write a number"),
    (
        "training: {per_device_train_batch_size: .inf}",
        "training.per_device_train_batch_size",
        "Write a number",
    ),
    ("training: {optim: adamw_8bit}", "training.optim", "adamw_torch"),
    ("method: {name: dop}", "method.name", "mean dpo?"),
    ("method: {name: null}", "method.name", "sft, dpo"),
    ("method: [dpo]", "method", "section"),
    ("method: {name: dpo, bta: 1}", "method.bta", "mean method.beta?"),
    ("method: {name: dpo, packing: true}", "method.packing", "one of sft"),
    ("output: {push_to_hub: perhaps}", "output.push_to_hub", ""),
    ("output: {name: a/b}", "output.name", "begin with a letter or digit"),
    ("output: {name: .hidden}", "output.name", "begin with a letter or digit"),
    ("output: {name: 5}", "output.name", "string"),
    ("output: {owner: a/b}", "output.owner", ""),
    ("dataset: {files: [a/b.csv]}", "dataset.files", ""),
    ('dataset: {files: ["a\\\\b.csv"]}', "dataset.files", ""),
    ('dataset: {files: ["a\\0.csv"]}', "dataset.files", ""),
    ("dataset: {name: rows.csv}", "dataset.name", "owner/name"),
    ("dataset: {split: ''}", "dataset.split", ""),
    ("model: {name: gpt2}", "model.name", "owner/name"),
    ("model: {name: ./models/mine}", "model.name", "owner/name"),
    ("model: {name: /models/mine}", "model.name", "owner/name"),
    ("model: {name: 'C:\\mine'}", "model.name", "owner/name"),
    ("model: {name: '~/mine'}", "model.name", "owner/name"),
    ("model: {name: ../x}", "model.name", "owner/name"),
    ("model: {name: ./x}", "model.name", "owner/name"),
    ("model: {name: x/..}", "model.name", "owner/name"),
    ("model: {name: acme/model--v2}", "model.name", "no names with '--' or '..' in them"),
    ("model: {name: a/b..c}", "model.name", "no names with '--' or '..' in them"),
    ("dataset: {name: a/b.git}", "dataset.name", "or '.git' at their end."),
    ("model: {name: 'https://huggingface.co/a/b'}", "model.name", "owner/name"),
    ('model: {name: "a/b\\n"}', "model.name", "owner/name"),
    ("model: {name: null}", "model.name", ""),
]


@pytest.mark.parametrize(("text", "field", "words"), BAD_VALUES)
def test_a_bad_value_is_refused_at_its_field(text: str, field: str, words: str) -> None:
    fields = refused(text)
    assert list(fields) == [field]
    assert words in fields[field]


def test_every_fault_is_told_at_once() -> None:
    text = "trainig: {}\ntraining: {num_train_epochs: 0, seed: x}\nmodel: {name: nobody}"
    assert refused(text).keys() == {
        "trainig",
        "training.num_train_epochs",
        "training.seed",
        "model.name",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 2\nmodel: {name: [}\n", "Line 2"),
        ("version: 2\nmodel:\n\tname: a/b\n", "Line 3"),
        ("version: 2\nmodel: !!python/object:os.system {}", "Line 2"),
        ("version: 2\n---\nversion: 2", "Line 2"),
        ("version: 2\n\x00", "not YAML"),
        ("- version: 2", "version: 2"),
        ("hello", "version: 2"),
        ("", "version: 2"),
        ("version: 2\n# " + "é" * (MAX_YAML_BYTES // 2), "too large"),
        pytest.param("version: 2\nmodel: " + "[" * 120_000, "nests deeper", id="deeply nested"),
        pytest.param("output: {name: 2026-99-99}", "", id="a date that is none"),
        pytest.param("training: {seed: 1" + ":00" * 200 + ".5}", "", id="a number of base 60"),
        ("version: 2\ntraining: {seed: !!bool x}", "Line 2"),
        ('version: 2\ntraining: {seed: !!int ""}', "Line 2"),
        pytest.param(f"training: {{seed: {'9' * 5000}}}", "", id="a number without end"),
    ],
)
def test_what_is_not_settings_at_all_is_told_of_the_file(text: str, words: str) -> None:
    fields = refused(text)
    # A value that can be pinned to its setting may be.
    assert list(fields) in (["yaml"], ["output.name"], ["training.seed"])
    assert words in next(iter(fields.values()))


def test_a_line_that_is_too_long_to_name_a_dataset_is_refused_at_once() -> None:
    line = "acme/rows " + "x" * 2_000_000
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"dataset": {"source": "hub", "name": "acme/rows", "mix": [line]}})
    assert caught.value.fields["dataset.mix"].startswith("Entry 1: This line is too long")


def test_the_largest_file_is_read() -> None:
    text = "version: 2\n#"
    assert load_config(text + "x" * (MAX_YAML_BYTES - len(text))) == RunConfig()
    assert list(refused(text + "x" * (MAX_YAML_BYTES - len(text) + 1))) == ["yaml"]


def bombs(size: int) -> dict[str, str]:
    """Files of about so many bytes that cost more to read than settings of that size."""
    settings = "version: 2\n"
    numbers = range(size // 12)
    return {
        "deep": settings + "model: " + "[" * size,
        "deep blocks": settings + "- " * (size // 2),
        "wide list": settings + "model: [" + "1," * (size // 2) + "]",
        "wide mapping": settings + "".join(f"k{n:06}: 1\n" for n in numbers),
        "anchors": settings + "".join(f"k{n}: &x{n} 1\n" for n in numbers[: size // 20]),
        "base 60": settings + "model: " + "1:" * (size // 2) + "1",
        "digits": settings + "model: " + "9" * size,
        "one text": settings + "model: " + "x y " * (size // 4),
    }


def test_what_is_no_settings_takes_little_more_than_settings_to_read() -> None:
    def seconds(act: Callable[[str], object], text: str) -> float:
        taken = []
        for _ in range(3):
            start = time.process_time()
            act(text)
            taken.append(time.process_time() - start)
        return min(taken)

    ordinary = seconds(load_config, parse_config(CHANGED).to_yaml())
    for kind, text in bombs(MAX_YAML_BYTES - 20_000).items():
        assert seconds(refused, text) < 200 * ordinary, kind


@pytest.mark.process
@pytest.mark.parametrize(
    ("first", "next_one"),
    [("[x, x]", "[{}]"), ("{x: 1}", "{{<<: [{}]}}")],
    ids=["lists", "merged mappings"],
)
def test_a_file_that_multiplies_itself_costs_nothing(first: str, next_one: str) -> None:
    lines = [f"a0: &a0 {first}"]
    for level in range(1, 10):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {next_one.format(aliases)}")
    program = (
        "import sys\nfrom core.config.parse import load_config\n"
        "from core.errors import InvalidConfig\n"
        "try:\n    load_config(sys.stdin.read())\nexcept InvalidConfig:\n    print('refused')"
    )

    def limited() -> None:
        # Four seconds of a processor and a gigabyte: it takes hours and all memory to unfold.
        resource.setrlimit(resource.RLIMIT_CPU, (4, 4))
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(lines),
        cwd=ROOT,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "refused\n", done.stderr[-300:]


def test_no_path_fits_into_a_config() -> None:
    paths = (
        "model.name", "model.revision", "dataset.name", "dataset.files", "dataset.revision",
        "output.name", "output.owner",
    )  # fmt: skip
    for path, value in product(paths, ("/home/ada/x", "../../x")):
        section, name = path.split(".")
        with pytest.raises(InvalidConfig) as caught:
            parse_config({section: {name: value}})
        assert path in caught.value.fields, f"{path}: {value}"
