"""A run's settings: what is read back, what is refused, and at which field."""

import json
import resource
import subprocess
import sys
from enum import StrEnum
from itertools import product
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt

from core.config.data import Mixed
from core.config.every_setting import Setting, settings_of_a_run
from core.config.options import Schedule
from core.config.parse import MAX_YAML_BYTES, load_config, parse_config
from core.config.run_config import RunConfig
from core.errors import InvalidConfig
from core.machine.source_tree import ROOT

SETTINGS = {setting.path: setting for setting in settings_of_a_run()}
NUMBERS = {
    path: setting
    for path, setting in SETTINGS.items()
    if any(isinstance(bound, Ge | Gt | Le | Lt) for bound in setting.field.metadata)
}
# Each value is another than the default, and zero or nothing wherever that is allowed.
CHANGED: dict[str, dict[str, Any]] = {
    "model": {"name": "acme/base-1.5_b", "revision": "refs/pr/1", "chat_template": "plain"},
    "dataset": {
        "source": "hub", "name": "acme/rows", "files": ["Meine Zeilen (1).csv"], "subset": "on",
        "split": "2026-01-01", "revision": "1e3", "format": "prompt_completion",
        "builtin": "sums", "mix": [{"name": "acme/more", "split": "no", "weight": 0.5}],
    },
    "columns": {
        "messages": "null", "prompt": "Größe: 1", "completion": "- 答え #", "reasoning": "yes",
        "text": "'quoted' \"twice\"", "chosen": "1", "rejected": "~", "label": "{a}\n\n{b}",
        "answer": "#", "tools": "1e3", "system": "Answer in {\"json\": 1}.\n", "developer": "[]",
    },
    "filters": {
        "drop_where": "no", "drop_empty": "null", "drop_duplicates": True, "min_length": 1,
        "max_length": 8, "sample": 1, "drop_untrainable": True, "skip_unreadable": True,
    },
    "method": {"assistant_only_loss": False, "max_length": 8, "packing": True},
    "adapter": {
        "kind": "full", "lora_r": 1, "lora_alpha": 0.5, "lora_dropout": 0.25,
        "lora_target_modules": "q, v",
    },
    "training": {
        "num_train_epochs": 0.001, "max_steps": 1, "learning_rate": 1e-9,
        "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2,
        "optim": "sgd", "weight_decay": 1.0, "max_grad_norm": 0, "seed": 0, "logging_steps": 2,
        "save_steps": 1, "save_total_limit": 1,
    },
    "schedule": {
        "lr_scheduler_type": "greedy", "warmup_steps": 0, "num_cycles": 1e-3, "min_lr_rate": 0,
        "warmup_lr_rate": 0,
        "power": 0.5, "lr_end": 0, "timescale": 1, "decay_steps": 1, "warmup_type": "1-sqrt",
        "decay_type": "linear", "factor": 0.9, "patience": 0, "min_lr": 1e-12, "max_lr": 1.0,
    },
    "evaluation": {
        "split": "validation", "files": ["held out.csv"], "fraction": 0, "eval_steps": 1,
        "max_eval_samples": 1,
    },
    "output": {
        "name": "1.0", "push_to_hub": True, "owner": "0x10", "hub_private_repo": False,
        "pull_request": True,
        "weights": "both", "sync_checkpoints": True, "auto_resume": True, "pause_space": True,
        "tracking": "trackio",
    },
    "hardware": {"precision": "bfloat16", "gradient_checkpointing": "off"},
}  # fmt: skip


def refused(text: str) -> dict[str, str]:
    """The messages by field of a YAML that must be refused."""
    with pytest.raises(InvalidConfig) as caught:
        load_config(text)
    assert all(message.strip() for message in caught.value.fields.values())
    return caught.value.fields


def test_every_value_survives_the_file() -> None:
    config = parse_config(CHANGED)
    assert load_config(config.to_yaml()) == config
    kept = config.model_dump(mode="json", exclude_defaults=True)
    given = {f"{section}.{name}" for section, values in kept.items() for name in values}
    # Other methods have a test of their own, and streaming goes with no sample.
    others = {path for path, each in SETTINGS.items() if each.methods and "sft" not in each.methods}
    assert SETTINGS.keys() - given - others == {"method.name", "dataset.streaming"}
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
        config = parse_config({section: {name: None}})
        assert getattr(getattr(load_config(config.to_yaml()), section), name) is None, path


def test_the_defaults_make_a_run() -> None:
    assert load_config("version: 2") == RunConfig()
    assert load_config(RunConfig().to_yaml()) == RunConfig()


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("training: {learning_rte: 1}", "training.learning_rte", "mean training.learning_rate?"),
        ("learning_rate: 1", "learning_rate", "mean training.learning_rate?"),
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
        ("model: {name: 'https://huggingface.co/a/b'}", "model.name", "owner/name"),
        ('model: {name: "a/b\\n"}', "model.name", "owner/name"),
        ("model: {name: null}", "model.name", ""),
    ],
)
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


def test_a_number_is_bounded_on_both_sides() -> None:
    for path, setting in NUMBERS.items():
        low, high = outside(setting)
        assert low, f"{path} has no lower bound"
        assert high, f"{path} has no upper bound"
        for value in (*low, *high):
            with pytest.raises(InvalidConfig) as caught:
                parsed(setting, value)
            assert list(caught.value.fields) == [path], f"{path}: {value}"


def outside(setting: Setting) -> tuple[list[Any], list[Any]]:
    """Values just below and just above the bounds; the bounds themselves are taken."""
    below: list[Any] = []
    above: list[Any] = []
    for bound in setting.field.metadata:
        match bound:
            case Ge(ge=low):
                below.append(low - 1)  # type: ignore[operator]
                assert parsed(setting, low) == low, setting.path
            case Gt(gt=low):
                below.append(low)
            case Le(le=high):
                above.append(high + 1)  # type: ignore[operator]
                assert parsed(setting, high) == high, setting.path
            case Lt(lt=high):
                above.append(high)
    return below, above


def parsed(setting: Setting, value: Any) -> Any:
    named = {"name": setting.methods[0]} if setting.methods else {}
    return setting.value(parse_config({setting.section: {**named, setting.name: value}}))


def test_every_number_is_bounded() -> None:
    numbers = {p for p, s in SETTINGS.items() if {int, float} & set(_types(s.field.annotation))}
    assert numbers == NUMBERS.keys()


def _types(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is tuple:
        return _types(get_args(annotation)[0])
    inner = get_args(annotation)
    return inner if inner and get_origin(annotation) is not Annotated else (annotation,)


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
        pytest.param("version: 2\nmodel: " + "[" * 1000, "", id="deeply nested"),
        pytest.param("output: {name: 2026-99-99}", "", id="a date that is none"),
        pytest.param(f"training: {{seed: {'9' * 5000}}}", "", id="a number without end"),
    ],
)
def test_what_is_not_settings_at_all_is_told_of_the_file(text: str, words: str) -> None:
    fields = refused(text)
    # A value that can be pinned to its setting may be.
    assert list(fields) in (["yaml"], ["output.name"], ["training.seed"])
    assert words in next(iter(fields.values()))


def test_the_largest_file_is_read() -> None:
    text = "version: 2\n#"
    assert load_config(text + "x" * (MAX_YAML_BYTES - len(text))) == RunConfig()
    assert list(refused(text + "x" * (MAX_YAML_BYTES - len(text) + 1))) == ["yaml"]


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


def test_a_setting_explains_itself_in_a_short_sentence() -> None:
    for path, setting in SETTINGS.items():
        help_text = setting.field.description
        assert setting.field.title, path
        assert help_text, path
        assert len(help_text) <= 120, path
        assert help_text.endswith("."), path


def test_a_setting_is_shown_for_values_that_exist() -> None:
    conditions = [(s, path, v) for s in SETTINGS.values() for path, v in s.shown_when.items()]
    for setting, path, values in conditions:
        assert path != setting.path
        kind: Any = SETTINGS[path].field.annotation
        known = get_args(kind) or [member.value for member in kind]
        assert values, setting.path
        assert set(values) <= set(known), setting.path


def test_each_schedule_shows_arguments_of_its_own() -> None:
    shown = {
        v for s in SETTINGS.values() for v in s.shown_when.get("schedule.lr_scheduler_type", [])
    }
    # A constant rate has nothing to set.
    assert shown == set(Schedule) - {Schedule.CONSTANT}


@pytest.mark.process
def test_the_schema_names_all_settings() -> None:
    schema = json.loads(schema_text())
    assert schema["properties"].keys() == RunConfig.model_fields.keys()
    for setting in SETTINGS.values():
        property = schema["properties"][setting.section]
        references = [property, *property.get("oneOf", [])]
        sections = [schema["$defs"][each["$ref"].removeprefix("#/$defs/")] for each in references
                    if "$ref" in each]  # fmt: skip
        having = [section for section in sections if setting.name in section["properties"]]
        assert having
        for section in having:
            assert section["additionalProperties"] is False
            told = section["properties"][setting.name].get("description")
            # The schema tells methods apart by their names alone.
            assert told == setting.field.description or setting.path == "method.name"


def schema_text() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "core", "schema"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


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


def test_a_config_has_no_place_for_a_secret() -> None:
    for path, setting in SETTINGS.items():
        assert not any(word in path for word in ("token", "secret", "password", "key"))
        # A SecretStr would be written as stars, and a Path as this machine's.
        plain = {str, int, float, bool, NoneType}
        for kind in _types(setting.field.annotation):
            inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
            if inner is Mixed:
                # Made of the same types as the settings beside it.
                continue
            is_choice = isinstance(inner, str) or issubclass(inner, StrEnum)
            assert is_choice or inner in plain
    fields = refused("output: {token: hf_abcdefghijklmnop}")
    assert list(fields) == ["output.token"]
    assert "hf_" not in fields["output.token"]
