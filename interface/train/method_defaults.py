"""What follows the choice of a method: its learning rate, and the built-in data made for it."""

from typing import Any

import gradio as gr

from core.builtin.datasets import builtin_datasets_for
from core.config.methods import METHODS
from core.config.options import AdapterKind
from interface.display.live import QUIET
from interface.train.fields import about, named
from interface.train.form import Form


def follow_method(form: Form) -> None:
    """Have the form follow what a person chooses, and not what a program fills in."""
    parts = form.components
    method, kind = parts["method__name"], parts["adapter__kind"]
    rate, builtin = parts["training__learning_rate"], parts["dataset__builtin"]
    chosen: list[Any] = [method, kind]
    is_own = gr.State(False)
    rate.change(_is_own, [method, kind, rate], [is_own], preprocess=False, **QUIET)
    gr.on(
        [each.input for each in chosen],
        _learning_rate,
        [method, kind, is_own],
        [rate],
        preprocess=False,
        **QUIET,
    )
    chosen[0].change(_about, method, method, preprocess=False, **QUIET)
    chosen[0].input(_builtin_dataset, [method, builtin], [builtin], preprocess=False, **QUIET)


def _is_own(method: str, kind: str, rate: Any) -> bool:
    """Whether a rate is another than this choice comes with, be it the default of another."""
    return bool(rate != _default(method, kind))


def _learning_rate(method: str, kind: str, is_own: bool) -> Any:
    """The default that goes with the choice, unless the person has set a rate of their own."""
    return gr.skip() if is_own else _default(method, kind)


def _default(method: str, kind: str) -> Any:
    if method not in METHODS:
        return gr.skip()
    return METHODS[method].default_learning_rate(has_adapter=kind != AdapterKind.FULL)


def _about(method: str) -> Any:
    return gr.update(info=about(method))


def _builtin_dataset(method: str, name: str) -> Any:
    offered = builtin_datasets_for(method) or [name]
    return gr.update(choices=named(offered), value=name if name in offered else offered[0])
