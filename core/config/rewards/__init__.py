"""The rewards that a run may learn by, a file each: their settings, and how they score an answer.

Plain Python on texts, so that the page can try them; but for a reward model, which the trainer
loads. To add one: a file here, and its class in
`_AnyReward` below. The form, the file, the reference and the charts follow.
"""

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from core.config.lines import read_line
from core.config.rewards.exact_match import ExactMatch
from core.config.rewards.json_object import JsonObject
from core.config.rewards.length import Length
from core.config.rewards.numeric_match import NumericMatch
from core.config.rewards.pattern import Pattern
from core.config.rewards.repetition import Repetition
from core.config.rewards.reward import Reward
from core.config.rewards.reward_model import RewardModel
from core.config.rewards.tags import Tags

_AnyReward = (
    ExactMatch | NumericMatch | Pattern | JsonObject | Length | Tags | Repetition | RewardModel
)

REWARDS: dict[str, type[Reward]] = {
    str(reward.model_fields["name"].default): reward for reward in get_args(_AnyReward)
}
_KEYS = {key for reward in REWARDS.values() for key in reward.model_fields} - {"name"}


def _from_line(value: Any) -> Any:
    """A reward may be written on one line: `regex pattern="\\d+" weight=0.5`."""
    if not isinstance(value, str):
        return value
    name = (value.split() or [""])[0]
    keys = REWARDS[name].model_fields.keys() - {"name"} if name in REWARDS else _KEYS
    form = f"a reward, then {', '.join(f'{key}=' for key in sorted(keys))}"
    return read_line(value, keys=keys, form=form)


AnyReward = Annotated[
    Annotated[_AnyReward, Field(discriminator="name")], BeforeValidator(_from_line)
]
