"""Importing Gradio without what it does for people who write components, or draw figures."""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lean_import() -> Iterator[None]:
    """Around the first import of Gradio, which then writes no type stubs and uses no matplotlib.

    Before each event Gradio asks matplotlib, where there is one, how it draws: its import takes the
    first visitor half a second, and this page draws nothing with it.

    Each time that Gradio 6.31 is imported it renders a stub for every component class, to write it
    beside the class's source (`create_or_modify_pyi` in its component_meta.py). That is a third of
    the time that the page takes to start. Classes without a source file are left out, so here none
    has one.
    """

    def no_file(*_: Any) -> str:
        raise OSError("Not asked for while Gradio is imported.")

    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    getfile = inspect.getfile
    inspect.getfile = no_file  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = getfile
