"""The metadata of a repository card: read, and checked as strictly as the Hub does."""

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from .store import Kind

FRONT_MATTER = re.compile(r"\A\s*---[\r\n]+(.*?)[\r\n]+---(?:\r?\n|\Z)", re.DOTALL)
REPO_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?", re.ASCII)
LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
EMPTY = "empty or missing yaml metadata in repo card"
SDKS = ("gradio", "docker", "static", "streamlit")
KNOWN_LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
    bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
    cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
    creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2
    fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 h-research intel-research isc
    lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit
    mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openrail openrail++ osl-3.0 other pddl
    postgresql unknown unlicense wtfpl zlib
"""


@dataclass(frozen=True)
class Report:
    """What the Hub says about a card: errors refuse it, warnings don't."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def body(self) -> dict[str, list[dict[str, str]]]:
        return {
            "errors": [{"message": message} for message in self.errors],
            "warnings": [{"message": message} for message in self.warnings],
        }


def check(card: str, *, kind: Kind) -> Report:
    """Check the metadata of a card for a repository of that kind."""
    match = FRONT_MATTER.search(card)
    if match is None:
        return Report(warnings=[EMPTY])
    try:
        data = yaml.load(match.group(1), Loader=_StrictLoader)
    except yaml.YAMLError as error:
        return Report(errors=[f"YAML Metadata Error: {error}"])
    if data is None:
        return Report(warnings=[EMPTY])
    if not isinstance(data, dict):
        return Report(errors=["YAML Metadata Error: the metadata must be a mapping"])
    return Report(errors=[*_errors(data, kind=kind)])


def card_data(card: str) -> dict[str, Any]:
    """The metadata of a card as JSON can carry it; nothing when there is none or it is broken."""
    match = FRONT_MATTER.search(card)
    try:
        data = yaml.safe_load(match.group(1)) if match else None
    except yaml.YAMLError:
        data = None
    return json.loads(json.dumps(data, default=str)) if isinstance(data, dict) else {}


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice, as the Hub's parser does and PyYAML does not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"duplicated mapping key {twice!r} at line {node.start_mark.line}")
        return super().construct_mapping(node, deep=deep)


def _errors(data: dict[str, Any], *, kind: Kind) -> Iterator[str]:
    for key, value in _values(data, "license"):
        if value not in KNOWN_LICENSES.split():
            yield f'"{key}" must be one of [{", ".join(KNOWN_LICENSES.split())}]'
    for key, value in _values(data, "language"):
        if not isinstance(value, str) or not LANGUAGE.fullmatch(value):
            yield (
                f'"{key}" with value "{value}" is not valid. It must be an ISO 639-1, 639-2 or '
                '639-3 code (two/three letters), or a special value like "code", "multilingual".'
            )
    for name in ("tags", "library_name", "pipeline_tag"):
        for key, value in _values(data, name):
            if not isinstance(value, str):
                yield f'"{key}" must be a string'
    for name, what in (("base_model", "model"), ("datasets", "dataset")):
        for key, value in _values(data, name):
            if not isinstance(value, str) or not REPO_ID.fullmatch(value):
                yield (
                    f'"{key}" with value "{value}" is not valid. '
                    f"Use a {what} id from https://hf.co/{what}s."
                )
    yield from {"model": _model, "dataset": _dataset, "space": _space}[kind](data)


def _values(data: dict[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    value = data.get(key)
    if isinstance(value, list):
        yield from ((f"{key}[{position}]", item) for position, item in enumerate(value))
    elif value is not None:
        yield key, value


def _model(data: dict[str, Any]) -> Iterator[str]:
    for key, entry in _values(data, "model-index"):
        if not isinstance(entry, dict) or "name" not in entry:
            yield f'"{key}.name" is required'
        elif not isinstance(entry.get("results"), list):
            yield f'"{key}.results" is required'


def _dataset(data: dict[str, Any]) -> Iterator[str]:
    for key, entry in _values(data, "configs"):
        if not isinstance(entry, dict) or not isinstance(entry.get("config_name"), str):
            yield f'"{key}.config_name" is required'


def _space(data: dict[str, Any]) -> Iterator[str]:
    if data.get("sdk") not in SDKS:
        yield f'"sdk" must be one of [{", ".join(SDKS)}]'
