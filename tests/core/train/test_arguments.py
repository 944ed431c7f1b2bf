"""What a setting that was left open becomes, once and for all of a run."""

from functools import partial

from core.config.options import Switch
from core.train.arguments import choose_gradient_checkpointing
from core.train.memory import StepMemory


def test_a_run_that_goes_on_keeps_what_it_began_with_whatever_memory_is_free_now() -> None:
    step = StepMemory(rows=8, length=1024, weights=1, activations=8)
    choose = partial(choose_gradient_checkpointing, step=step, free=100)
    assert choose(Switch.AUTO).value == Switch.OFF
    kept = choose(Switch.AUTO, before="on")
    assert (kept.value, kept.why) == (Switch.ON, "as when this run began")
    # A person may change their mind about what they chose themselves.
    assert choose(Switch.OFF, before="on").value == Switch.OFF
