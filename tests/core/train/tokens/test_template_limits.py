"""A chat template that loops for ever or tries what it may not is named as the cause."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from core.config.options import DatasetFormat
from core.errors import UserError
from core.train.tokens import template_limits
from core.train.tokens.encode import Encoder
from core.train.tokens.row_tokens import Refused
from core.train.tokens.template_limits import template_faults

TURN = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
CONVERSATION = {
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
}
FAULTY = [
    (ENDLESS, "did not come to an end within"),
    # jinja works this out while it compiles, where it passes over errors.
    ("{{ 9 ** (9 ** 8) % 7 }}", "did not come to an end within"),
    ("{% for a in range(9999999) %}{% endfor %}", "counts too far"),
    ("{{ messages.__class__.__base__.__subclasses__() }}", "tries what no template may"),
    ("{% for message in messages %}", "is no valid template"),
    ("{{ 'a' * 99999999999999 }}", "takes more memory than there is"),
]


@pytest.mark.parametrize("answers_only", [True, False])
@pytest.mark.parametrize(("template", "told"), FAULTY)
def test_the_template_is_told_to_be_at_fault(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    template: str,
    told: str,
    answers_only: bool,
) -> None:
    monkeypatch.setattr(template_limits, "SECONDS", 0.3)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = TURN + template
    with pytest.raises(UserError) as caught:
        Encoder(
            tokenizer,
            format=DatasetFormat.MESSAGES,
            answers_only=answers_only,
            model_name="acme/base",
        ).encode([CONVERSATION])
    assert caught.value.message.startswith(f"The chat template of acme/base {told}")
    assert caught.value.field == "model.chat_template"


def test_what_a_template_says_of_a_row_is_the_rows_own(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = TURN + "{{ raise_exception('Roles must alternate') }}"
    encoder = Encoder(
        tokenizer, format=DatasetFormat.MESSAGES, answers_only=False, model_name="acme/base"
    )
    (made,) = encoder.encode([CONVERSATION])
    assert isinstance(made, Refused)
    assert "Roles must alternate" in made.reason


def test_long_rows_have_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "SECONDS", 0.01)
    monkeypatch.setattr(template_limits, "CHARACTERS_PER_SECOND", 10)
    with template_faults("acme/base", characters=1000):
        sum(range(5_000_000))
    with pytest.raises(UserError, match="did not come to an end"), template_faults("acme/base"):
        sum(range(5_000_000))
