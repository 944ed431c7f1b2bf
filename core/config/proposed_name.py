"""What a result is called that nobody named: after its base model and its data."""

import re
import unicodedata
from collections.abc import Collection
from itertools import count
from pathlib import PurePath

from core.config.options import DatasetSource
from core.config.run_config import RunConfig

# Of each of the two parts: with a number, and "-demo" for its Space, a name may have 96 letters.
LONGEST = 40
# What an instruction-tuned model is called besides; what is made from one is that anyway.
_KINDS = re.compile(r"-(instruct|chat|it|hf)$")
# No repository's name may have "--", "..", or end in ".git"; the dot of 0.6b is welcome.
_OTHER_CHARACTERS = re.compile(r"([^a-z0-9.]|\.(?!\d))+")


def proposed_name(config: RunConfig) -> str:
    """The base model and the first dataset in one name: smollm2-135m-facts-to-json."""
    model = _KINDS.sub("", _plain(config.model.name.rpartition("/")[2]))
    # Nothing is left of a name in letters such as Chinese ones.
    return f"{_short(model) or 'own'}-{_short(_plain(_data(config))) or 'own-data'}"


def named(config: RunConfig, *, taken: Collection[str]) -> RunConfig:
    """The same with a name: where it has none, the proposed one, numbered if that is taken."""
    if config.output.name is not None:
        return config
    name = proposed_name(config)
    if name in taken:
        name = next(other for n in count(2) if (other := f"{name}-{n}") not in taken)
    return _with_output(config, name=name)


def for_another_run(config: RunConfig) -> RunConfig:
    """The settings of a run for a new one, without what was meant for that run alone.

    That is a name that nobody chose, and leave to replace what was in its repository.
    """
    name = None if is_proposed(config) else config.output.name
    return _with_output(config, name=name, replace=False)


def is_proposed(config: RunConfig) -> bool:
    """Whether nobody chose the name that it has."""
    proposed = rf"{re.escape(proposed_name(config))}(-\d+)?"
    return re.fullmatch(proposed, config.output.name or "") is not None


def _with_output(config: RunConfig, **update: object) -> RunConfig:
    return config.model_copy(update={"output": config.output.model_copy(update=update)})


def _data(config: RunConfig) -> str:
    dataset = config.dataset
    match dataset.source:
        case DatasetSource.BUILTIN:
            return dataset.builtin
        case DatasetSource.HUB:
            return (dataset.name or "").rpartition("/")[2]
        case DatasetSource.UPLOAD:
            return PurePath(next(iter(dataset.files), "")).stem


def _short(text: str) -> str:
    return text[:LONGEST].strip("-.")


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", errors="ignore").decode()
    return _OTHER_CHARACTERS.sub("-", letters.lower()).strip("-.")
