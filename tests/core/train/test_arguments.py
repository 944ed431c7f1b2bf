"""What a setting that was left open becomes, once and for all of a run."""

from functools import partial

import pytest

from core.config.options import Switch
from core.estimate.memory import Memory
from core.estimate.model_shape import UnknownShape
from core.train.arguments import choose_gradient_checkpointing

GB = 1024**3
PEAK = Memory(
    rows=8, length=1024, weights=1 * GB, gradients=0, optimizer=0, activations=30 * GB, logits=0,
    overhead=9 * GB,
)  # fmt: skip


@pytest.mark.parametrize(
    ("free", "chosen"), [(8, Switch.ON), (30, Switch.ON), (31, Switch.OFF), (80, Switch.OFF)]
)
def test_checkpointing_is_turned_off_where_training_fits(free: int, chosen: Switch) -> None:
    choice = choose_gradient_checkpointing(Switch.AUTO, peak=PEAK, free=free * GB)
    assert choice.value == chosen
    assert choice.why == (
        f"8 × 1,024 tokens take about 30.0 GB beside 1.0 GB of weights; {free}.0 GB are free"
    )


def test_checkpointing_is_on_where_nobody_can_tell() -> None:
    peak = UnknownShape("Its config.json doesn't state the layers.")
    choice = choose_gradient_checkpointing(Switch.AUTO, peak=peak, free=80 * GB)
    assert (choice.value, "doesn't state the layers" in choice.why) == (Switch.ON, True)


@pytest.mark.parametrize("wanted", [Switch.ON, Switch.OFF])
def test_what_a_person_chose_stands(wanted: Switch) -> None:
    choice = choose_gradient_checkpointing(wanted, peak=PEAK, free=1)
    assert (choice.value, choice.why) == (wanted, "as you chose")


def test_a_run_that_goes_on_does_as_it_began_whatever_memory_is_free_now() -> None:
    choose = partial(choose_gradient_checkpointing, peak=PEAK, free=100 * GB)
    assert choose(Switch.AUTO).value == Switch.OFF
    before = choose(Switch.AUTO, before="on")
    assert (before.value, before.why) == (Switch.ON, "as when this run began")
    # A person may change their mind about what they chose themselves.
    assert choose(Switch.OFF, before="on").value == Switch.OFF
