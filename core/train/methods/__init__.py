"""What training by a method is, a file each; the facts about it are in core/config/methods."""

from collections.abc import Callable

from core.config.run_config import RunConfig
from core.train.methods.base import Method


def method_of(config: RunConfig) -> Method:
    """The method that a run asks for. Only its own trainer is imported."""
    return _METHODS[config.method.name]()


def _sft() -> Method:
    from core.train.methods.sft import Sft

    return Sft()


def _dpo() -> Method:
    from core.train.methods.dpo import Dpo

    return Dpo()


def _kto() -> Method:
    from core.train.methods.kto import Kto

    return Kto()


def _reward() -> Method:
    from core.train.methods.reward import Reward

    return Reward()


def _orpo() -> Method:
    from core.train.methods.orpo import Orpo

    return Orpo()


def _cpo() -> Method:
    from core.train.methods.cpo import Cpo

    return Cpo()


def _grpo() -> Method:
    from core.train.methods.grpo import Grpo

    return Grpo()


def _rloo() -> Method:
    from core.train.methods.rloo import Rloo

    return Rloo()


_METHODS: dict[str, Callable[[], Method]] = {
    "sft": _sft,
    "dpo": _dpo,
    "kto": _kto,
    "reward": _reward,
    "orpo": _orpo,
    "cpo": _cpo,
    "grpo": _grpo,
    "rloo": _rloo,
}
