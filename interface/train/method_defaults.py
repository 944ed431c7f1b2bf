"""What follows the choice of a method: its learning rate, its words, and its built-in data."""

from typing import Any

import gradio as gr

from core.builtin.datasets import builtin_datasets_for
from core.config.methods import METHODS
from core.config.options import AdapterKind
from interface.display import words
from interface.display.live import QUIET
from interface.train.fields import about, named
from interface.train.form import Form


def follow_method(form: Form) -> None:
    """Have the form follow the choice of a method and of what is trained.

    The built-in data is changed only where a person chooses, and not where a program fills it in.
    """
    parts = form.components
    method, kind = parts["method__name"], parts["adapter__kind"]
    rate, builtin = parts["training__learning_rate"], parts["dataset__builtin"]
    chosen: list[Any] = [method, kind]
    gr.on(
        [each.change for each in chosen],
        _learning_rate,
        [method, kind],
        [rate],
        preprocess=False,
        **QUIET,
    )
    chosen[0].input(
        _about,
        [method, builtin],
        [method, builtin],
        preprocess=False,
        # Otherwise a choice made while another is answered would be lost.
        trigger_mode="always_last",
        **QUIET,
    )


def _learning_rate(method: str, kind: str) -> Any:
    """The default that goes with the choice, shown where a person sets no rate of their own."""
    if method not in METHODS:
        return gr.skip()
    rate = METHODS[method].default_learning_rate(has_adapter=kind != AdapterKind.FULL)
    return gr.update(placeholder=words.number(rate))


def _about(method: str, name: str) -> tuple[Any, Any]:
    """What the method says of itself, and the built-in data that it can learn from."""
    offered = builtin_datasets_for(method) or [name]
    chosen = {} if name in offered else {"value": offered[0]}
    return gr.update(info=about(method)), gr.update(choices=named(offered), **chosen)
