"""What a pushed repository must hold."""

from pathlib import Path


def expect_whole(there: dict[str, bytes], *, model: Path) -> None:
    """Every file of the model byte for byte, beside its card, its settings and its chart."""
    for path in model.iterdir():
        if path.name != "README.md":
            assert there[path.name] == path.read_bytes()
    assert {"README.md", "smolfactory.yaml", "training.png"} <= there.keys()
    assert there["training.png"].startswith(b"\x89PNG")
