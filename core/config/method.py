"""The training method."""

from typing import Literal

from core.config.setting import Section, setting


class SftSection(Section):
    name: Literal["sft"] = setting(
        "sft", label="Method", help="Supervised fine-tuning: learn to give the answers in the data."
    )
    assistant_only_loss: bool = setting(
        True, label="Loss on answers only", basic=True,
        help="Learn the answers and not the questions. Plain text has no answers: turn it off.",
    )  # fmt: skip
    max_length: int = setting(
        1024, label="Max length", ge=8, le=1_048_576, basic=True,
        help="Tokens of an example that are kept; what is longer is cut off at the end.",
    )  # fmt: skip
    packing: bool = setting(
        False, label="Packing",
        help="Join short examples into sequences of max length: faster, on data of many shorts.",
    )  # fmt: skip
