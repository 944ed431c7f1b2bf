"""Batches go without padding where that costs nothing and changes nothing."""

import pytest

from core.config.methods.dpo import DpoSettings
from core.config.methods.sft import SftSettings
from core.config.options import Switch
from core.errors import UserError
from core.train.padding import choose_padding_free
from tests.core.train.tiny_models import tiny


def test_rows_lie_end_to_end_where_the_model_looks_at_each_alone() -> None:
    cases: list[tuple[str, SftSettings | DpoSettings, object, Switch]] = [
        ("llama", SftSettings(), None, Switch.ON),
        ("llama", SftSettings(), "on", Switch.ON),
        ("llama", SftSettings(), "off", Switch.OFF),
        ("llama", SftSettings(padding_free=Switch.OFF), None, Switch.OFF),
        ("llama", SftSettings(packing=True, padding_free=Switch.OFF), None, Switch.ON),
        ("llama", DpoSettings(), None, Switch.OFF),
        # Kept apart by a mask over all tokens: only who asks for that gets it.
        ("gemma2", SftSettings(), None, Switch.OFF),
        ("gemma2", SftSettings(padding_free=Switch.ON), None, Switch.ON),
        ("mamba", SftSettings(), None, Switch.OFF),
        ("lfm2", SftSettings(), None, Switch.OFF),
    ]
    for kind, method, before, expected in cases:
        attention = "eager" if kind in ("gemma2", "mamba") else "sdpa"
        model = tiny(kind, attention=attention)
        choice = choose_padding_free(method, model, before=before)
        assert choice.value == expected, (kind, method)
        assert choice.why
        if expected is Switch.OFF:
            assert model.config._attn_implementation == attention


def test_what_would_mix_the_rows_is_refused_at_the_setting_that_wants_it() -> None:
    for settings, field in (
        (SftSettings(padding_free=Switch.ON), "method.padding_free"),
        (SftSettings(packing=True), "method.packing"),
    ):
        with pytest.raises(UserError, match="can't separate rows") as caught:
            choose_padding_free(settings, tiny("lfm2", attention="sdpa"), before=None)
        assert caught.value.field == field
