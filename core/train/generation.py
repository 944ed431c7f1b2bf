"""How the trained model is to generate: above all, at which tokens it stops."""

from jinja2 import TemplateError
from transformers import GenerationConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.trainer_utils import align_special_tokens

from core.errors import UserError
from core.train.tokens.template_limits import template_faults

# What no conversation holds, to find again in what a chat template makes of it.
ANSWER = "@answer@"


def settle_generation(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Have the model stop where its answers end, by a generation config that can be saved.

    One that gives scores generates nothing.
    """
    if not model.can_generate():
        return
    _make_valid(model)
    align_special_tokens(model, tokenizer)
    known = model.generation_config.eos_token_id
    ends = [] if known is None else known if isinstance(known, list) else [known]
    end = end_of_answer(tokenizer)
    if end is not None and end not in ends:
        model.generation_config.eos_token_id = [end, *ends]


def end_of_answer(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that the chat template puts after an answer; None where that is plain text.

    It is not always the end of text: a base model's tokenizer often knows another one.
    """
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}]
    if not tokenizer.chat_template:
        return None
    try:
        with template_faults("this model"):
            text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except (UserError, TemplateError, TypeError, ValueError, LookupError):
        return None
    after = text.rpartition(ANSWER)[2].strip()
    first = tokenizer(after, add_special_tokens=False)["input_ids"][:1] if after else []
    marks = set(tokenizer.get_added_vocab().values())
    return first[0] if first and first[0] in marks else None


def _make_valid(model: PreTrainedModel) -> None:
    """transformers saves no generation config that was changed and that contradicts itself.

    Published ones do, most often by a temperature beside `do_sample: false`: without this, a run
    would fail at its first checkpoint.
    """
    if _is_valid(model.generation_config):
        return
    model.generation_config.do_sample = True
    if not _is_valid(model.generation_config):
        model.generation_config = GenerationConfig.from_model_config(model.config)


def _is_valid(config: GenerationConfig) -> bool:
    try:
        config.validate(strict=True)
    except ValueError:
        return False
    return True
