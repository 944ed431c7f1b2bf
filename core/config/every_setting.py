"""Every setting of a run, one by one: the form, the docs and the errors are made from these."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo

from core.config.lines import Line
from core.config.methods import DEFAULT_METHOD, METHODS
from core.config.run_config import RunConfig
from core.config.setting import Section, setting

METHOD, NAME = "method", "name"


@dataclass(frozen=True)
class Setting:
    """One field of RunConfig, with the path by which errors and the form name it."""

    section: str
    name: str
    field: FieldInfo
    # The methods that have it; empty where every run has it.
    methods: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def label(self) -> str:
        return str(self.field.title)

    @property
    def follows_method(self) -> bool:
        """Whether its default is that of the method, which its help tells."""
        return self.path == "training.learning_rate"

    @property
    def basic(self) -> bool:
        return bool(self._extra["basic"])

    @property
    def shown_when(self) -> dict[str, list[str | bool]]:
        """The values of other settings under which this one means anything, by their paths."""
        conditions: dict[str, list[str | bool]] = self._extra["shown_when"]
        if self.methods:
            return {f"{METHOD}.{NAME}": [*self.methods], **conditions}
        return conditions

    def value(self, config: RunConfig) -> Any:
        """What a run sets it to; its default where the run's method has no such setting."""
        return getattr(getattr(config, self.section), self.name, self.field.default)

    def text(self, value: Any) -> str:
        """A value as a person writes it, several with commas between."""
        if isinstance(value, tuple):
            return ", ".join(each.line if isinstance(each, Line) else str(each) for each in value)
        return str(value)

    @property
    def _extra(self) -> dict[str, Any]:
        extra = self.field.json_schema_extra
        if not isinstance(extra, dict):
            raise TypeError(f"{self.path} is not declared with setting().")
        return extra


def settings_of_a_run() -> Iterator[Setting]:
    """All settings, in the order in which they are declared."""
    for section, declared in RunConfig.model_fields.items():
        if section == METHOD:
            yield from _settings_of_methods()
        elif isinstance(declared.annotation, type) and issubclass(declared.annotation, Section):
            for name, inner in declared.annotation.model_fields.items():
                yield Setting(section=section, name=name, field=inner)


def _settings_of_methods() -> Iterator[Setting]:
    """The choice of a method, then what the methods have; what several share comes once."""
    names: Any = Literal[tuple(METHODS)]
    chosen = setting(
        DEFAULT_METHOD, label="Training method", basic=True,
        help="How the model learns; each method takes data formats of its own.",
    )  # fmt: skip
    yield Setting(METHOD, NAME, FieldInfo.from_annotated_attribute(names, chosen))
    fields: dict[str, tuple[FieldInfo, list[str]]] = {}
    for method, settings in METHODS.items():
        for name, inner in settings.model_fields.items():
            if name != NAME:
                fields.setdefault(name, (inner, []))[1].append(method)
    for name, (inner, methods) in fields.items():
        only = () if len(methods) == len(METHODS) else tuple(methods)
        yield Setting(METHOD, name, inner, methods=only)
