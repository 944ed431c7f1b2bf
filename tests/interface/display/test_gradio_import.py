"""Gradio is imported without the work that it does for people who write components."""

import subprocess
import sys

import pytest

from core.machine.source_tree import ROOT

pytestmark = pytest.mark.process

PROGRAM = """
import inspect
import sys

from interface.display.gradio_import import lean_import

stubs = []
sys.addaudithook(lambda event, told: event == "open" and stubs.append(str(told[0])))
with lean_import():
    import gradio
print(*[path for path in stubs if path.endswith(".pyi")])
assert gradio.Textbox(label="Name").get_config()["label"] == "Name"
assert inspect.getfile(gradio.Textbox).endswith("textbox.py")
with gradio.utils.MatplotlibBackendMananger():
    assert sys.modules["matplotlib"] is None
"""


def test_no_stub_is_written_and_the_components_are_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
