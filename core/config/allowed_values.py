"""What a setting may be set to, as its declaration says: its type, its choices, its bounds."""

from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from core.config.every_setting import Setting


@dataclass(frozen=True)
class Bound:
    value: float
    inclusive: bool


def value_type(setting: Setting) -> Any:
    """The type of a setting's values, without None and without constraints."""
    annotation = setting.field.annotation
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(a for a in get_args(annotation) if a is not NoneType)
        else:
            return annotation


def choices(setting: Setting) -> list[str]:
    """The values of a setting that has a fixed list of them, else nothing."""
    kind = value_type(setting)
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [member.value for member in kind]
    return []


def bounds(setting: Setting) -> tuple[Bound | None, Bound | None]:
    """The lowest and the highest value of a number, where it has one."""
    low = high = None
    for constraint in setting.field.metadata:
        match constraint:
            case Ge(ge=value):
                low = Bound(value, inclusive=True)  # type: ignore[arg-type]
            case Gt(gt=value):
                low = Bound(value, inclusive=False)  # type: ignore[arg-type]
            case Le(le=value):
                high = Bound(value, inclusive=True)  # type: ignore[arg-type]
            case Lt(lt=value):
                high = Bound(value, inclusive=False)  # type: ignore[arg-type]
    return low, high
