"""One client and one address of the Hub, for every process and every page."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT, TEMPLATES

# Each makes a client of its own, which takes the token that this machine is logged in with.
CLIENTS = {"HfApi", "hf_hub_download", "snapshot_download", "upload_folder", "whoami", "auth_check"}
CLIENT = ROOT / "core" / "hub" / "client.py"


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in ("core", "interface"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_nothing_else_makes_a_client() -> None:
    found = [
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) in CLIENTS or getattr(node.func, "attr", "") == "HfApi")
    ]
    assert found == [CLIENT]


def test_the_address_is_never_written_out() -> None:
    texts = [
        (path, node.value)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    texts += [(path, path.read_text(encoding="utf-8")) for path in TEMPLATES.rglob("*.md")]
    texts += [
        (path, path.read_text(encoding="utf-8")) for path in (ROOT / "interface").rglob("*.js")
    ]
    # Of comments and docstrings, one cites the Hub's documentation.
    exempt = ROOT / "core" / "hub" / "licences.py"
    assert [path for path, text in texts if "//huggingface.co" in text and path != exempt] == []


@pytest.mark.process
def test_the_client_and_its_address_are_those_of_the_environment(tmp_path: Path) -> None:
    """Without a token of its own it must not act with the one that somebody has stored here."""
    program = (
        "from core.hub.client import hub_client, hub_endpoint\n"
        "from core.settings import token_of_this_process\n"
        "assert token_of_this_process().get_secret_value() == 'hf_stored'\n"
        "api = hub_client(None)\n"
        "print(hub_endpoint(), api.endpoint, 'authorization' in api._build_hf_headers())\n"
    )
    (tmp_path / "token").write_text("hf_stored")
    environment = {"HF_ENDPOINT": "http://hub.test/", "HF_TOKEN_PATH": str(tmp_path / "token")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["http://hub.test", "http://hub.test", "False"]
