"""The Python that is shown to use a model runs as it is shown."""

import pytest

from core.builtin.model import builtin_model_folder
from core.publish.usage import usage
from tests.command_line import CommandLine


def test_the_model_of_a_run_answers_on_its_own_machine(
    command_line: CommandLine, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = command_line.run(finished).paths.model
    base = builtin_model_folder(command_line.home)
    shown = usage(folder, is_adapter=True, scores=False, base=base)
    exec(shown.replace("max_new_tokens=128", "max_new_tokens=8, do_sample=False"), {})
    assert capsys.readouterr().out.strip()
