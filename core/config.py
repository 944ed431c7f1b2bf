"""RunConfig: all that a person asks of a run, in one validated object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from core.data.sections import (
    ColumnsSection,
    DatasetSection,
    EvaluationSection,
    FiltersSection,
)
from core.errors import InvalidConfig
from core.options import BY_LOSS, AdapterKind, DatasetShape, DatasetSource, Schedule
from core.section import Section
from core.sections import (
    AdapterSection,
    HardwareSection,
    ModelSection,
    OutputSection,
    ScheduleSection,
    SftSection,
    TrainingSection,
)

VERSION: Literal[1] = 1
MAX_YAML_BYTES = 256 * 1024
# No setting's name is longer, so nothing longer is a misspelt one.
MAX_NAME = 64
# Beyond this many faults a person reads no further.
MAX_FAULTS = 20


class RunConfig(Section):
    """What a run is to do. It holds no secret and no absolute path, so it can be published."""

    version: Literal[1] = Field(VERSION, title="Version of this file's format")
    model: ModelSection = Field(default_factory=ModelSection, title="Model")
    dataset: DatasetSection = Field(default_factory=DatasetSection, title="Dataset")
    columns: ColumnsSection = Field(default_factory=ColumnsSection, title="Columns")
    filters: FiltersSection = Field(default_factory=FiltersSection, title="Filters")
    method: SftSection = Field(default_factory=SftSection, title="Method")
    adapter: AdapterSection = Field(default_factory=AdapterSection, title="Adapter")
    training: TrainingSection = Field(default_factory=TrainingSection, title="Training")
    schedule: ScheduleSection = Field(default_factory=ScheduleSection, title="Schedule")
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection, title="Evaluation")
    output: OutputSection = Field(default_factory=OutputSection, title="Output")
    hardware: HardwareSection = Field(default_factory=HardwareSection, title="Hardware")

    @property
    def evaluates(self) -> bool:
        """Whether some rows are kept from training to evaluate with."""
        match self.dataset.source:
            case DatasetSource.BUILTIN:
                return True
            case DatasetSource.HUB:
                is_named = self.evaluation.split is not None
            case DatasetSource.UPLOAD:
                is_named = bool(self.evaluation.files)
        return is_named or self.evaluation.fraction > 0

    def for_publication(self) -> "RunConfig":
        """The same, but for the names of the person's files: those are their own affair."""
        data, evaluation = self.dataset.files, self.evaluation.files
        public = {
            name: f"file-{number}{PurePath(name).suffix}"
            for number, name in enumerate((*data, *evaluation), 1)
        }
        return self.model_copy(
            update={
                "dataset": self.dataset.model_copy(
                    update={"files": tuple(public[name] for name in data)}
                ),
                "evaluation": self.evaluation.model_copy(
                    update={"files": tuple(public[name] for name in evaluation)}
                ),
            }
        )

    def to_yaml(self) -> str:
        values = self.model_dump(mode="json")
        return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


@dataclass(frozen=True)
class Setting:
    """One field of RunConfig, with the path by which errors and the form name it."""

    section: str
    name: str
    field: FieldInfo

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def label(self) -> str:
        return str(self.field.title)

    @property
    def basic(self) -> bool:
        return bool(self._extra["basic"])

    @property
    def shown_when(self) -> dict[str, list[str]]:
        conditions: dict[str, list[str]] = self._extra["shown_when"]
        return conditions

    @property
    def _extra(self) -> dict[str, Any]:
        extra = self.field.json_schema_extra
        if not isinstance(extra, dict):
            raise TypeError(f"{self.path} is not declared with setting().")
        return extra


def settings_of_a_run() -> Iterator[Setting]:
    """All settings, in the order in which they are declared."""
    for section, field in RunConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for name, inner in field.annotation.model_fields.items():
                yield Setting(section=section, name=name, field=inner)


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Check nested values ({"training": {"epochs": 2}}) and return the settings they make.

    Raises InvalidConfig, with a message for every setting at fault.
    """
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise InvalidConfig(_messages(error)) from error
    faults = _conflicts(config)
    if faults:
        raise InvalidConfig(faults)
    return config


def load_config(text: str) -> RunConfig:
    """Read a run's YAML.

    Raises InvalidConfig when it is not YAML, or has unknown keys or bad values.
    """
    if len(text.encode(errors="replace")) > MAX_YAML_BYTES:
        raise InvalidConfig({"yaml": "This file is too large to be a run's settings."})
    try:
        # A file of ours has none, and a few lines of them stand for gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise InvalidConfig({"yaml": "Aliases (*name) are not read here: write values out."})
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidConfig({"yaml": f"This is not YAML.{_place(error)}"}) from error
    except (ValueError, RecursionError) as error:
        raise InvalidConfig({"yaml": "This YAML holds a value that can't be read."}) from error
    if not isinstance(values, dict):
        raise InvalidConfig({"yaml": "This holds no settings: it should begin with 'version: 1'."})
    return parse_config(values)


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return f" Line {mark.line + 1}: {problem}." if mark else ""


def _messages(error: ValidationError) -> dict[str, str]:
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False)[:MAX_FAULTS]:
        section_and_name, inner = fault["loc"][:2], fault["loc"][2:]
        entry = f"Entry {inner[0] + 1}: " if inner and isinstance(inner[0], int) else ""
        path = ".".join(str(part) for part in section_and_name) or "yaml"
        faults.setdefault(path, f"{entry}{_sentence(fault)}")
    return faults


def _sentence(fault: Any) -> str:
    path = [str(part) for part in fault["loc"]]
    match fault["type"]:
        case "extra_forbidden" if len(path) > 2:
            return f"There is no {path[-1]!r} here."
        case "extra_forbidden":
            return f"There is no setting {'.'.join(path)}.{_nearest(path)}"
        case "string_pattern_mismatch" if path[-1] == "name" and path[0] in ("model", "dataset"):
            return "Write it as owner/name, as on the Hub: letters, digits, '-', '_' and '.'."
        case "string_pattern_mismatch" if path[-2:-1] == ["files"]:
            return "Name a file without its folder; from a terminal it lies beside the YAML."
        case "string_pattern_mismatch":
            return "Use letters, digits, '-', '_' and '.', and begin with a letter or digit."
        case "literal_error" if path == ["version"]:
            return f"This version of SmolFactory reads version {VERSION} of the file, no other."
        case "float_parsing" | "float_type" | "int_parsing" | "int_type" | "finite_number":
            return "Write a number here."
        case "int_from_float":
            return "Write a whole number here."
        case _:
            message = str(fault["msg"]).removeprefix("Input should be ")
            return f"This should be {message}." if message != fault["msg"] else f"{message}."


def _nearest(path: list[str]) -> str:
    import difflib

    known = [setting.path for setting in settings_of_a_run()]
    if len(path) > 2 or len(".".join(path)) > MAX_NAME:
        return ""
    found = difflib.get_close_matches(".".join(path), known, n=1)
    return f" Did you mean {found[0]}?" if found else ""


def _conflicts(config: RunConfig) -> dict[str, str]:
    """What each setting alone allows and the settings together don't."""
    faults = _data_conflicts(config)
    dataset, schedule = config.dataset, config.schedule
    if dataset.shape is DatasetShape.TEXT and config.method.answers_only:
        faults["method.answers_only"] = "Plain text has no answers: turn this off to train on it."
    if schedule.kind in BY_LOSS and not config.evaluates:
        faults["schedule.kind"] = "This schedule follows the evaluation loss: hold out some rows."
    if schedule.kind is Schedule.POLYNOMIAL and schedule.lr_end >= config.training.learning_rate:
        faults["schedule.lr_end"] = "This must be smaller than the learning rate."
    if schedule.kind in BY_LOSS and schedule.min_lr > config.training.learning_rate:
        faults["schedule.min_lr"] = "This can't be larger than the learning rate."
    peak = schedule.max_lr or config.training.learning_rate
    if schedule.kind is Schedule.GREEDY and peak < config.training.learning_rate:
        faults["schedule.max_lr"] = "This can't be smaller than the learning rate."
    if schedule.kind is Schedule.COSINE_WITH_RESTARTS and (schedule.num_cycles or 1) % 1:
        faults["schedule.num_cycles"] = "Restarts are counted in whole numbers."
    if config.adapter.kind is AdapterKind.LORA and not all(layer_names(config.adapter)):
        faults["adapter.target_modules"] = "Write all-linear, or names with commas between."
    return faults


def _data_conflicts(config: RunConfig) -> dict[str, str]:
    faults: dict[str, str] = {}
    dataset, evaluation = config.dataset, config.evaluation
    on_hub = dataset.source is DatasetSource.HUB
    if on_hub and dataset.name is None:
        faults["dataset.name"] = "Name a dataset of the Hub, as owner/name."
    if on_hub and evaluation.split == dataset.split:
        faults["evaluation.split"] = "Evaluate on another split than the one you train on."
    if dataset.source is DatasetSource.UPLOAD and not dataset.files:
        faults["dataset.files"] = "Choose a file."
    for field, names in (
        ("dataset.files", dataset.files),
        ("evaluation.files", (*dataset.files, *evaluation.files)),
    ):
        if twice := next((name for name in names if names.count(name) > 1), None):
            faults.setdefault(field, f"There are two files called {twice}: rename one of them.")
            break
    if dataset.mix and dataset.source is DatasetSource.BUILTIN:
        faults["dataset.mix"] = "Built-in data is not mixed: name a dataset of the Hub, or a file."
    if dataset.streaming and config.training.max_steps is None:
        faults["training.max_steps"] = (
            "Data that is read as it comes has no known end: say after how many steps to stop."
        )
    if dataset.streaming and config.filters.sample is not None:
        faults["filters.sample"] = "A sample needs all rows; this data is read as it comes."
    return faults


def hub_datasets(config: RunConfig) -> list[str]:
    """The names of the datasets of the Hub that a run learns from."""
    names = [other.name for other in config.dataset.mix]
    if config.dataset.source is DatasetSource.HUB and config.dataset.name:
        names.insert(0, config.dataset.name)
    return names


def layer_names(adapter: AdapterSection) -> list[str]:
    """The layers to adapt, or just "all-linear"."""
    return [name.strip() for name in adapter.target_modules.split(",")]
