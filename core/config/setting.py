"""How a setting is declared: once, with its type, bounds, default, label and help.

From that come the form, its validation, the YAML file, its JSON Schema and the command line's
errors.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _as_on_the_hub(name: str) -> str:
    """What its client refuses besides, which a pattern without look-ahead can't say."""
    if "--" in name or ".." in name or name.endswith(".git"):
        problem = "The Hub has no names with '--' or '..' in them, or '.git' at their end"
        raise PydanticCustomError("repo_id", problem)
    return name


# The Hub's own rule for a repository's id: an owner and a name of letters, digits, "-", "_", ".".
RepoId = Annotated[
    str,
    StringConstraints(pattern=r"^\w([\w\-.]{0,94}\w)?/\w([\w\-.]{0,94}\w)?$"),
    AfterValidator(_as_on_the_hub),
]
# Never a path: neither absolute nor with ".." in it.
Revision = Annotated[str, StringConstraints(pattern=r"^\w+([\-./]\w+)*$", max_length=128)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w\-.]{0,95}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00.][^/\\\x00]{0,254}$")]
# A run's: its time and a few letters by chance.
RUN_ID = re.compile(r"^\d{8}-\d{6}-[0-9a-f]{8}$")
RunId = Annotated[str, StringConstraints(pattern=RUN_ID.pattern)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Part = Annotated[str, StringConstraints(min_length=1, max_length=8192)]


def setting(
    default: Any,
    *,
    label: str,
    help: str,
    basic: bool = False,
    shown_when: Mapping[str, tuple[str | bool, ...]] | None = None,
    **bounds: Any,
) -> Any:
    """Declare a setting: its default, its label, one sentence of help, and its bounds.

    `basic` puts it in view; the rest lies under Advanced. `shown_when` names the values of other
    settings under which this one means anything, by path ("adapter.kind").
    """
    conditions: Any = {path: list(values) for path, values in (shown_when or {}).items()}
    return Field(
        default,
        title=label,
        description=help,
        json_schema_extra={"basic": basic, "shown_when": conditions},
        **bounds,
    )


# Validation refuses it wherever a number or a text is wanted.
_YES_OR_NO = object()


class Section(BaseModel):
    # Each process imports the settings, few validate any: their validators are built when needed.
    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, validate_default=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, values: Any) -> Any:
        """YAML's yes and no are True and False, which Python would take for 1 and 0.

        Not a validator of each field: pydantic allows none before a union's discriminator.
        """
        if not isinstance(values, dict):
            return values
        return {
            name: _YES_OR_NO if isinstance(value, bool) and not cls._is_switch(name) else value
            for name, value in values.items()
        }

    @classmethod
    def _is_switch(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        return field is None or field.annotation in (bool, Any)
