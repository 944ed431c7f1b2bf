"""What follows the choice of a method: its learning rate, and the built-in data made for it."""

from typing import Any

import gradio as gr

from core.builtin.datasets import builtin_datasets_for
from core.config.methods import METHODS
from core.config.options import AdapterKind
from interface.display.live import QUIET
from interface.train.fields import named
from interface.train.form import Form


def follow_method(form: Form) -> None:
    """Have the form follow what a person chooses, and not what a program fills in."""
    parts = form.components
    method, kind = parts["method__name"], parts["adapter__kind"]
    rate, builtin = parts["training__learning_rate"], parts["dataset__builtin"]
    chosen: list[Any] = [method, kind]
    gr.on(
        [each.input for each in chosen],
        _learning_rate,
        [method, kind, rate],
        [rate],
        preprocess=False,
        **QUIET,
    )
    chosen[0].input(_builtin_dataset, [method, builtin], [builtin], preprocess=False, **QUIET)


def _learning_rate(method: str, kind: str, rate: Any) -> Any:
    """The default that goes with the choice, unless the person has set a rate of their own."""
    defaults = {
        each.default_learning_rate(has_adapter=has_adapter)
        for each in METHODS.values()
        for has_adapter in (True, False)
    }
    if rate not in defaults or method not in METHODS:
        return gr.skip()
    return METHODS[method].default_learning_rate(has_adapter=kind != AdapterKind.FULL)


def _builtin_dataset(method: str, name: str) -> Any:
    offered = builtin_datasets_for(method) or [name]
    return gr.update(choices=named(offered), value=name if name in offered else offered[0])
