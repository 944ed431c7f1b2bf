"""Each test file lies where its source is, and is named like it.

The tests of one source may be in several files: `test_push_faults.py` beside `test_push.py`.
"""

from collections.abc import Iterator
from pathlib import Path

from core.machine.source_tree import ROOT

# Of the page as a whole; their names say what is promised.
SEVERAL_SOURCES = {ROOT / "tests" / "interface" / "pages"}


def test_each_test_file_is_named_like_its_source() -> None:
    for package in ("core", "interface"):
        folder = ROOT / "tests" / package
        for file in folder.rglob("test_*.py"):
            if file.parent in SEVERAL_SOURCES:
                continue
            source = ROOT / file.parent.relative_to(ROOT / "tests")
            name = file.stem.removeprefix("test_")
            found = _is_source(source / name) or any(
                _is_source(source / shorter) and (file.parent / f"test_{shorter}.py").is_file()
                for shorter in _beginnings(name)
            )
            assert found, f"{file.relative_to(ROOT)} has no {(source / name).relative_to(ROOT)}.py"


def _is_source(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or path.is_dir()


def _beginnings(name: str) -> Iterator[str]:
    """What is left of a name without its last word, its last two, and so on."""
    while "_" in name:
        name = name.rpartition("_")[0]
        yield name
