"""Imports run one way, app → interface → core, and torch lives in core/train alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT

TORCH = ("torch", "transformers", "trl", "peft")
# What each part may not import; the first part that a module lies in decides.
FORBIDDEN = {
    "core.train": ("gradio", "interface", "app"),
    "core": (*TORCH, "gradio", "interface", "app", "core.train"),
    "interface": (*TORCH, "datasets", "core.train", "app"),
    "app": (*TORCH, "datasets", "core.train"),
}
READS_THE_HUB = "core.data.hub_rows"
DYNAMIC = ("import_module", "__import__")


@dataclass(frozen=True)
class Import:
    """One import: what is imported, where, and whether it waits for a call or for no call ever."""

    name: str
    line: int
    in_function: bool
    for_types_only: bool


def imports_of(source: str, *, package: str) -> Iterator[Import]:
    yield from _visit(ast.parse(source), package=package, in_function=False, for_types_only=False)


def _visit(
    node: ast.AST, *, package: str, in_function: bool, for_types_only: bool
) -> Iterator[Import]:
    for name in _names(node, package=package):
        yield Import(name, getattr(node, "lineno", 0), in_function, for_types_only)
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    body = node.body if isinstance(node, ast.If) and _asks_for_types(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from _visit(
            child,
            package=package,
            in_function=in_function,
            for_types_only=for_types_only or child in body,
        )


def _names(node: ast.AST, *, package: str) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            parts = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            start = ".".join([*parts, *([module] if module else [])])
            return [f"{start}.{alias.name}" for alias in names]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if (
            name in DYNAMIC
        ):
            known = [arg.value for arg in args[:1] if isinstance(arg, ast.Constant)]
            return [str(value) for value in known] or ["(a name that is not known here)"]
    return []


def _asks_for_types(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def breaches(source: str, *, module: str, package: str) -> list[str]:
    """What a module imports against the rules, each with its line."""
    part = next(part for part in FORBIDDEN if within(module, part))
    found = []
    for item in imports_of(source, package=package):
        is_forbidden = any(within(item.name, name) for name in FORBIDDEN[part])
        if part == "core" and within(item.name, "datasets"):
            waits = item.in_function or item.for_types_only
            is_forbidden = module != READS_THE_HUB or not waits
        if is_forbidden or item.name.startswith("("):
            found.append(f"line {item.line}: {module} imports {item.name}")
    return found


def sources() -> list[Path]:
    return [ROOT / "app.py", *sorted([*ROOT.glob("core/**/*.py"), *ROOT.glob("interface/**/*.py")])]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parent.parts)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_a_module_imports_only_what_it_may(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert breaches(source, module=module_of(path), package=package_of(path)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.hub.permissions", "import torch"),
        ("core.hub.permissions", "import torch.nn as nn"),
        ("core.hub.permissions", "def f():\n    from transformers import AutoTokenizer"),
        ("core.hub.permissions", "class A:\n    async def f(self):\n        import peft"),
        ("core.hub.permissions", "try:\n    import trl\nexcept ImportError:\n    trl = None"),
        ("core.hub.permissions", "import importlib\nimportlib.import_module('torch')"),
        ("core.hub.permissions", "__import__('gra' + 'dio')"),
        ("core.hub.permissions", "from core import train"),
        ("core.settings", "from . import train"),
        ("core.settings", "from .train.session import train"),
        ("core.data.files", "from ..train import session"),
        ("core.runs.store", "from interface import page"),
        ("core.runs.store", "import app"),
        ("core.jobs.launcher", "def f():\n    import datasets"),
        ("core.data.hub_rows", "import datasets"),
        ("core.data.hub_rows", "class A:\n    from datasets import Dataset"),
        ("core.train.methods.sft", "def f():\n    import gradio"),
        ("core.train.methods.sft", "from interface.form import Form"),
        ("interface.page", "from datasets import Dataset"),
        ("interface.page", "from core.train.sft import make_trainer"),
        ("interface.page", "from core import train"),
        ("interface.page", "import app"),
        ("app", "import torch"),
    ],
)
def test_a_breach_is_seen(module: str, source: str) -> None:
    assert len(breaches(source, module=module, package=module.rpartition(".")[0])) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.jobs.supervisor", "import sys\nARGV = [sys.executable, '-m', 'core.train']"),
        ("core.hub.permissions", "from core.trained import what\nimport torchless"),
        ("core.data.hub_rows", "def f():\n    import datasets"),
        ("core.data.hub_rows", "if TYPE_CHECKING:\n    from datasets import Dataset"),
        ("core.train.methods.sft", "import torch\nfrom core.train.data import Data"),
        ("interface.page", "import gradio\nfrom core import launcher"),
        ("app", "from core import launcher\nfrom interface.listener import listen"),
    ],
)
def test_what_is_allowed_is_no_breach(module: str, source: str) -> None:
    assert breaches(source, module=module, package=module.rpartition(".")[0]) == []


def test_what_the_page_calls_loads_neither_torch_nor_gradio() -> None:
    program = (
        "import sys, core.jobs.launcher, core.jobs.preflight, core.runs.history;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "core" in loaded
    assert loaded.isdisjoint({*TORCH, "datasets", "gradio", "interface"})
