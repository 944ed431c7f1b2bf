"""Chat templates that mark what the assistant says, so that the loss can be on that alone."""

from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.chat_template_utils import (
    get_training_chat_template,
    has_generation_markers,
    is_chat_template_stop_token_trained,
)

from core.config.model import ModelSection
from core.config.options import ChatTemplate
from core.config.resolved import Choice
from core.errors import UserError
from core.machine.source_tree import TEMPLATES

# For families that TRL has none for.
_OURS = TEMPLATES / "chat_templates"

CHATML_END = "<|im_end|>"

_PROBES = (
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ],
)


def choose_template(tokenizer: PreTrainedTokenizerBase, model: ModelSection) -> Choice:
    """Give the tokenizer the chat template that a person chose in place of its own.

    Raises UserError at model.chat_template when the tokenizer lacks the tokens for it.
    """
    if model.chat_template is ChatTemplate.OWN:
        return Choice(value="the model's own" if tokenizer.chat_template else "none")
    if model.chat_template is ChatTemplate.CHATML:
        if tokenizer.convert_tokens_to_ids(CHATML_END) in (None, tokenizer.unk_token_id):
            raise UserError(
                f"{model.name} has no token {CHATML_END}, so it could not learn to stop.",
                hint="Choose `plain`: it ends an answer with the model's own end of text.",
                field="model.chat_template",
            )
        tokenizer.eos_token = CHATML_END
    path = _OURS / f"{model.chat_template}.jinja"
    tokenizer.chat_template = path.read_text(encoding="utf-8")
    return Choice(value=model.chat_template, why="as you chose")


def training_template(tokenizer: PreTrainedTokenizerBase, *, model_name: str) -> tuple[str, Choice]:
    """A template that renders as the tokenizer's own does, with the answers marked.

    Raises UserError when there is none for this model: then nobody can tell which tokens are the
    answer, and training would learn the questions too.
    """
    if has_generation_markers(tokenizer.chat_template):
        return tokenizer.chat_template, Choice(value="the model's own", why="it marks the answers")
    for path in sorted(_OURS.glob("*_training.jinja")):
        template = path.read_text(encoding="utf-8")
        if _renders_alike(tokenizer, template):
            return template, Choice(value=path.stem, why="the model's own marks no answers")
    try:
        template = get_training_chat_template(tokenizer)
    except ValueError as error:
        raise UserError(
            f"The chat template of {model_name} does not mark where an answer begins.",
            hint="Turn off `method.assistant_only_loss`, bring the data as prompt and completion, "
            "or take a model of a family that TRL knows.",
            field="method.assistant_only_loss",
        ) from error
    return template, Choice(value="TRL's", why="the model's own marks no answers")


def trains_to_stop(tokenizer: PreTrainedTokenizerBase, template: str) -> bool:
    """Whether the end of an answer is learned too: otherwise the model talks on for ever."""
    return bool(is_chat_template_stop_token_trained(tokenizer, chat_template=template))


def _renders_alike(tokenizer: PreTrainedTokenizerBase, template: str) -> bool:
    return all(
        tokenizer.apply_chat_template(probe, tokenize=False)
        == tokenizer.apply_chat_template(probe, tokenize=False, chat_template=template)
        for probe in _PROBES
    )
