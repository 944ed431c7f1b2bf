"""The tokens of a row, with a mark on those that are learned."""

import hashlib
from dataclasses import dataclass

import numpy as np

# The sides of a row: one, but for pairs.
WHOLE, CHOSEN, REJECTED = "row", "chosen", "rejected"
IGNORED = -100


@dataclass(frozen=True)
class Tokens:
    """The tokens of one side of a row (int32), and for each whether it is learned (bool)."""

    ids: np.ndarray
    trained: np.ndarray

    @property
    def first_trained(self) -> int:
        """Where the first token stands that is learned; the length where none is."""
        return int(self.trained.argmax()) if self.trained.any() else len(self.ids)

    def labels(self) -> np.ndarray:
        """As TRL takes them: the token where it is learned, else -100."""
        return np.where(self.trained, self.ids, np.int32(IGNORED))


@dataclass(frozen=True)
class Refused:
    """Why a row has no tokens."""

    reason: str


# The tokens of a row, by side.
Sides = dict[str, Tokens]


def length_of(sides: Sides) -> int:
    """The tokens of a row's longest side; 0 where it has none."""
    return max((len(tokens.ids) for tokens in sides.values()), default=0)


def first_learned(sides: Sides) -> int:
    """So many tokens are read before every side has one that is learned.

    The length of the row where a side has none at all.
    """
    if not all(tokens.trained.any() for tokens in sides.values()):
        return length_of(sides)
    return max((tokens.first_trained for tokens in sides.values()), default=0)


def digest_of(*parts: bytes) -> bytes:
    """Sixteen bytes that are the same where all of these are."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        made.update(part + b"|")
    return made.digest()
