"""What the methods have that learn from scores of the model's own answers."""

from collections.abc import Iterator
from typing import ClassVar

from core.config.methods.settings import MethodMetric, MethodSettings
from core.config.options import DatasetFormat
from core.config.rewards import AnyReward
from core.config.rewards.length import Length
from core.config.rewards.numeric_match import NumericMatch
from core.config.rewards.reward import metric_names
from core.config.rewards.reward_model import RewardModel
from core.config.setting import setting

MAX_REWARDS = 16
# The fewest tokens of a prompt that are of any use.
SHORTEST_PROMPT = 8


class WritingSettings(MethodSettings):
    """The model writes several answers to each prompt, and rewards score them."""

    formats: ClassVar = (DatasetFormat.PROMPT_ONLY, DatasetFormat.PROMPT_COMPLETION)
    columns: ClassVar = ("prompt_ids", "answer", "messages")
    generates: ClassVar = True
    # Without its end, a prompt would ask something else.
    truncates: ClassVar = False
    streams: ClassVar = False
    drops_out: ClassVar = True
    metrics: ClassVar = (
        MethodMetric("reward", "Reward", kind="reward"),
        MethodMetric("reward_std", "Standard deviation of rewards", kind="reward"),
        MethodMetric("completions/mean_length", "Tokens of an answer", kind="length"),
        MethodMetric("completions/clipped_ratio", "Share of answers cut off", kind="share"),
        MethodMetric("kl", "KL divergence from the base", kind="kl"),
        MethodMetric("entropy", "Entropy", kind="entropy"),
    )
    learning_rates: ClassVar = (1e-6, 5e-4)
    # For all weights TRL's own default; an adapter takes ten times as much and more:
    # https://thinkingmachines.ai/blog/lora, and TRL's LoRA examples have 1e-5.
    adapter_learning_rate: ClassVar = 1e-5
    full_learning_rate: ClassVar = 1e-6

    rewards: tuple[AnyReward, ...] = setting(
        (NumericMatch(), Length(weight=0.5)),
        label="Rewards", basic=True, min_length=1, max_length=MAX_REWARDS,
        help="One per line, with its weight: numeric_match weight=2. They are added up.",
    )  # fmt: skip
    num_generations: int = setting(
        8, label="Answers per prompt", ge=2, le=1024, basic=True,
        help="Answers to each prompt that are compared. Batch size times accumulation steps must "
        "be a multiple.",
    )  # fmt: skip
    max_completion_length: int = setting(
        512, label="Maximum answer length", ge=1, le=524_288, basic=True,
        help="Tokens of an answer, after which it is cut off. What is left of the maximum length "
        "is for the prompt.",
    )  # fmt: skip
    temperature: float = setting(
        1.0, label="Temperature", gt=0, le=10,
        help="How much chance there is in the answers. Lower makes them more alike.",
    )  # fmt: skip
    top_p: float = setting(
        1.0, label="Top p", gt=0, le=1,
        help="Answers are made of the likeliest tokens that together have this probability.",
    )  # fmt: skip
    epsilon: float = setting(
        0.2, label="Clipping", gt=0, le=10,
        help="How far the probability of a token may change by one set of answers.",
    )  # fmt: skip
    epsilon_high: float | None = setting(
        None, label="Upper clipping", gt=0, le=10,
        help="The same for what becomes likelier. If empty, as above; DAPO's paper has 0.28.",
    )  # fmt: skip
    num_iterations: int = setting(
        1, label="Iterations", ge=1, le=100,
        help="How often each set of answers is learned from before new ones are written.",
    )  # fmt: skip
    mask_truncated_completions: bool = setting(
        False, label="Ignore answers cut off",
        help="Learn nothing from answers that reach the maximum length.",
    )  # fmt: skip

    @property
    def compares_with_base(self) -> bool:
        return self.kl_coefficient > 0

    @property
    def longest_row(self) -> int:
        return self.max_length - self.max_completion_length

    @property
    def longest_answer(self) -> int:
        return self.max_completion_length

    @property
    def kl_coefficient(self) -> float:
        """TRL's `beta`."""
        raise NotImplementedError

    @property
    def reward_models(self) -> list[RewardModel]:
        return [reward for reward in self.rewards if isinstance(reward, RewardModel)]

    @property
    def answers_a_prompt(self) -> int:
        return self.num_generations

    @property
    def compares_with_answers(self) -> list[str]:
        return [reward.name for reward in self.rewards if reward.needs_answer]

    @property
    def measures(self) -> tuple[MethodMetric, ...]:
        """Of several rewards, each by itself too."""
        names = metric_names(self.rewards)
        each = [MethodMetric(f"rewards/{n}/mean", f"Reward {n}", kind="reward") for n in names]
        return (*self.metrics[:1], *(each if len(each) > 1 else ()), *self.metrics[1:])

    @property
    def description(self) -> str:
        return f"{self.title} with the rewards {', '.join(metric_names(self.rewards))}"

    def conflicts(self) -> Iterator[tuple[str, str]]:
        most = self.max_length - SHORTEST_PROMPT
        if self.max_completion_length > most:
            least = self.max_completion_length + SHORTEST_PROMPT
            told = f"at most {most:,}, or raise `method.max_length` to {least:,} or more."
            yield (
                "max_completion_length",
                f"This leaves no room for a prompt within the maximum length: {told}"
                if most > 0
                else f"Raise `method.max_length` to {least:,} or more.",
            )
