"""Each test file lies where its source is, and is named like it."""

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
            found = (source / f"{name}.py").is_file() or (source / name).is_dir()
            assert found, f"{file.relative_to(ROOT)} has no {(source / name).relative_to(ROOT)}.py"
