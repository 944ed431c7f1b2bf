"""What is wrong with the settings of the form, in a list and at each field."""

from pathlib import Path

from core.builtin.checks import check_stored_model
from core.config.run_config import RunConfig
from core.errors import UserError, fields_of
from interface.display import problems, words
from interface.display.problems import Problem
from interface.train.fields import element_id
from interface.train.form import Form


def show(form: Form, error: UserError, *, reveal: bool) -> str:
    """The problems of the form. `reveal` has the page open and scroll to the first of them."""
    faults = fields_of(error)
    verb = "needs" if len(faults) == 1 else "need"
    heading = f"{words.counted(len(faults), 'setting')} {verb} attention."
    found = [_problem(form, path, message) for path, message in faults.items()]
    return problems.show(found, heading=heading, reveal=reveal)


def of_the_model(form: Form, config: RunConfig, *, home: Path) -> str:
    """What is known before Start, of a model that is on this machine."""
    try:
        check_stored_model(config, home=home)
    except UserError as error:
        return show(form, error, reveal=False)
    return problems.NOTHING


def _problem(form: Form, path: str, message: str) -> Problem:
    if not path:
        return Problem(message)
    return Problem(message, label=form.label(path), field=element_id(path), fold=form.fold(path))
