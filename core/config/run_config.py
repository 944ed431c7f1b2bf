"""RunConfig: all that a person asks of a run, in one validated object."""

from collections.abc import Collection
from pathlib import PurePath
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from core.config.data import ColumnsSection, DatasetSection, EvaluationSection, FiltersSection
from core.config.methods import DEFAULT_METHOD, Method
from core.config.methods.sft import SftSettings
from core.config.model import AdapterSection, ModelSection
from core.config.options import DatasetSource
from core.config.output import OutputSection
from core.config.setting import Section
from core.config.training import HardwareSection, ScheduleSection, TrainingSection

VERSION: Literal[2] = 2


class RunConfig(Section):
    """What a run is to do. It holds no secret and no absolute path, so it can be published."""

    version: Literal[2] = Field(VERSION, title="Version of this file's format")
    model: ModelSection = Field(default_factory=ModelSection, title="Model")
    dataset: DatasetSection = Field(default_factory=DatasetSection, title="Dataset")
    columns: ColumnsSection = Field(default_factory=ColumnsSection, title="Columns")
    filters: FiltersSection = Field(default_factory=FiltersSection, title="Filters")
    method: Method = Field(default_factory=SftSettings, title="Method")
    adapter: AdapterSection = Field(default_factory=AdapterSection, title="Adapter")
    training: TrainingSection = Field(default_factory=TrainingSection, title="Training")
    schedule: ScheduleSection = Field(default_factory=ScheduleSection, title="Schedule")
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection, title="Evaluation")
    output: OutputSection = Field(default_factory=OutputSection, title="Output")
    hardware: HardwareSection = Field(default_factory=HardwareSection, title="Hardware")

    @model_validator(mode="before")
    @classmethod
    def _default_method(cls, values: Any) -> Any:
        """A section that names no method has settings of the default one."""
        method = values.get("method") if isinstance(values, dict) else None
        if not isinstance(method, dict) or "name" in method:
            return values
        return values | {"method": {"name": DEFAULT_METHOD, **method}}

    @model_validator(mode="after")
    def _default_learning_rate(self) -> Self:
        """A run that sets none has the one of its method and of what it trains."""
        if "learning_rate" not in self.training.model_fields_set:
            rate = self.default_learning_rate
            self.training = self.training.model_copy(update={"learning_rate": rate})
        return self

    @property
    def default_learning_rate(self) -> float:
        return self.method.default_learning_rate(has_adapter=self.adapter.has_adapter)

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
        """The same, but for the person's own affairs: names of their files, leave to replace."""
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
                "output": self.output.model_copy(update={"replace": False}),
            }
        )

    def to_yaml(self, *, left_open: Collection[str] = ()) -> str:
        """The settings as a file. `left_open` are paths of those that are not to be in it."""
        values = self.model_dump(mode="json")
        for section, _, name in (path.partition(".") for path in left_open):
            del values[section][name]
        return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def hub_datasets(config: RunConfig) -> list[str]:
    """The names of the datasets of the Hub that a run learns from."""
    names = [other.name for other in config.dataset.mix]
    if config.dataset.source is DatasetSource.HUB and config.dataset.name:
        names.insert(0, config.dataset.name)
    return names


def data_name(config: RunConfig) -> str:
    """The name of what a run learns from, and how many more there are of it."""
    dataset = config.dataset
    match dataset.source:
        case DatasetSource.BUILTIN:
            names: list[str] = [dataset.builtin]
        case DatasetSource.HUB:
            names = [dataset.name or ""]
        case DatasetSource.UPLOAD:
            names = list(dataset.files)
    names += [other.name for other in dataset.mix]
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
