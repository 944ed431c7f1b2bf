"""The training methods that a run may ask for, a file each: their settings, and what they are.

To add one: a file here with its settings, named in `Method` below, and one of the same name in
core/train/methods that makes its trainer. The form, the file, the charts, the model card and the
refusals follow from these two.
"""

from typing import Annotated, get_args

from pydantic import Field

from core.config.methods.cpo import CpoSettings
from core.config.methods.dpo import DpoSettings
from core.config.methods.grpo import GrpoSettings
from core.config.methods.kto import KtoSettings
from core.config.methods.orpo import OrpoSettings
from core.config.methods.reward import RewardSettings
from core.config.methods.rloo import RlooSettings
from core.config.methods.settings import MethodSettings
from core.config.methods.sft import SftSettings

Method = Annotated[
    SftSettings
    | DpoSettings
    | KtoSettings
    | RewardSettings
    | OrpoSettings
    | CpoSettings
    | GrpoSettings
    | RlooSettings,
    Field(discriminator="name"),
]

METHODS: dict[str, type[MethodSettings]] = {
    str(settings.model_fields["name"].default): settings
    for settings in get_args(get_args(Method)[0])
}
DEFAULT_METHOD = SftSettings.model_fields["name"].default
