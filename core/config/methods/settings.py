"""What every training method has: its name, its settings, and what the rest asks it for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from core.config.options import DatasetFormat, Switch
from core.config.setting import Section, setting


@dataclass(frozen=True)
class MethodMetric:
    """A metric that a method logs, by TRL's name for it, and what a person calls it.

    TRL logs it in training under this name, and in evaluation with "eval_" before it. `kind` is the
    metric's type on the Hub's model cards.
    """

    name: str
    label: str
    kind: str = "accuracy"


class MethodSettings(Section):
    """The settings of one method, and the facts that hold whatever they are set to.

    Subclasses declare `name` as a Literal, by which the right one is chosen. Two methods that have
    a setting of the same name declare it here, so that the form has one field for it.
    """

    # What a person calls the method, within a sentence.
    title: ClassVar[str]
    # When to use it, and which data it wants: a paragraph for the form.
    about: ClassVar[str]
    # The formats of rows that it learns from, the one that it is made for first.
    formats: ClassVar[tuple[DatasetFormat, ...]]
    # What TRL's data collator takes of each row: core/train/tokens/columns.py makes them.
    columns: ClassVar[tuple[str, ...]]
    # What is drawn besides the loss; the first is the method's own measure of success.
    metrics: ClassVar[tuple[MethodMetric, ...]]
    # How many sequences of tokens a row becomes, and whether the base answers each of them too.
    sequences_a_row: ClassVar[int] = 1
    has_reference: ClassVar[bool] = False
    # How often the rows of a batch are read besides, without learning from them.
    further_passes: ClassVar[int] = 0
    # Whether it makes a model that gives a text a number, and writes none.
    scores: ClassVar[bool] = False
    # Whether the model itself writes the answers that it learns from: rows are prompts.
    generates: ClassVar[bool] = False
    # Whether a long row is cut off at the maximum length, and not left out.
    truncates: ClassVar[bool] = True
    # Whether an answer's tokens begin and end with the tokenizer's own marks, whatever the chat
    # template puts there.
    closes: ClassVar[bool] = False
    # Whether it can learn from rows that are read as they come.
    streams: ClassVar[bool] = True
    # Whether the logits of a whole batch are held at once.
    holds_logits: ClassVar[bool] = False
    # Whether the adapter's dropout is on: TRL turns it off where answers are compared.
    drops_out: ClassVar[bool] = False
    # The fewest rows of a batch that its loss can be computed of.
    smallest_batch: ClassVar[int] = 1
    # Learning rates that usually suit it with a LoRA adapter, from the lowest to the highest.
    learning_rates: ClassVar[tuple[float, float]]
    # The learning rate of a run that sets none, with a LoRA adapter and for all weights.
    adapter_learning_rate: ClassVar[float]
    full_learning_rate: ClassVar[float]

    name: str
    max_length: int = setting(
        1024, label="Maximum length", ge=8, le=1_048_576, basic=True,
        help="Tokens of a row that are used; a longer one is truncated at its end, or left out of "
        "a reward model's rows.",
    )  # fmt: skip

    @classmethod
    def default_learning_rate(cls, *, has_adapter: bool) -> float:
        return cls.adapter_learning_rate if has_adapter else cls.full_learning_rate

    @property
    def compares_with_base(self) -> bool:
        """Whether the base is needed as it is, beside what it becomes."""
        return self.has_reference

    @property
    def learns_answers_only(self) -> bool:
        """Whether prompts are masked in the loss."""
        return True

    @property
    def longest_row(self) -> int:
        """How many tokens of a row are used."""
        return self.max_length

    @property
    def longest_answer(self) -> int:
        """How many tokens it writes at most."""
        return 0

    @property
    def answers_a_prompt(self) -> int:
        """How many sequences of a step belong together: their number must be a multiple of it."""
        return 1

    @property
    def compares_with_answers(self) -> list[str]:
        """What needs a reference answer in each row."""
        return []

    @property
    def measures(self) -> tuple[MethodMetric, ...]:
        """What is drawn besides the loss, as it is set."""
        return self.metrics

    @property
    def packs(self) -> bool:
        """Whether rows are joined into sequences of the maximum length."""
        return False

    @property
    def rows_end_to_end(self) -> Switch:
        """Whether a batch is one sequence of all its rows, without padding between them."""
        return Switch.OFF

    @property
    def groups_by_length(self) -> bool:
        """Whether rows of about the same length make a batch."""
        return False

    def imbalance(self, *, good: int, bad: int) -> str | None:
        """A warning where so many good and bad answers don't suit, and the settings that would."""
        del good, bad
        return None

    @property
    def description(self) -> str:
        """How a model was trained, as its card says it after "by"."""
        return self.title

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """The settings of this method that do not go together: the name of each, and a message."""
        yield from ()


class BetaSettings(MethodSettings):
    """What the methods have that compare answers."""

    beta: float = setting(
        0.1, label="Beta", gt=0, le=100, basic=True,
        help="Higher holds the model closer to its base. ORPO and CPO: how much the comparison of "
        "answers counts.",
    )  # fmt: skip


class PairSettings(BetaSettings):
    """What TRL's experimental methods have that learn from pairs without a base to compare with."""

    formats: ClassVar = (DatasetFormat.PREFERENCE,)
    columns: ClassVar = ("prompt_ids", "chosen_ids", "rejected_ids")
    sequences_a_row: ClassVar = 2
    closes: ClassVar = True
    streams: ClassVar = False
    holds_logits: ClassVar = True
