"""The arithmetic of training, in floating-point operations (FLOP).

A product with a matrix of n weights takes 2 n FLOP a token; the backward pass takes as many for the
gradient of its input, and again as many for that of its weights where those are trained
(https://arxiv.org/abs/2001.08361, section 2.1).
"""

from core.config.run_config import RunConfig
from core.estimate.model_shape import ModelShape


def flops_per_token(
    config: RunConfig, shape: ModelShape, *, mean_length: float, checkpointing: bool
) -> float:
    """What a token of a row of `mean_length` tokens takes, in training."""
    layers = 2.0 * shape.layer_parameters
    # Scores and sums over the tokens before, which are half a row on average.
    attention = 2 * 2.0 * shape.layers * shape.query_width * mean_length / 2
    head = 0.0 if config.method.scores else 2.0 * shape.head_parameters
    forward = layers + attention + head
    # Adapters are a hundredth of this.
    backward = forward + 2 * attention / 2
    if (last := config.adapter.last_layers) is not None:
        # No gradient goes further back than to the first layer that is trained.
        share = min(1.0, last / shape.layers)
        backward = head + share * (2 * layers + 3 * attention / 2)
    elif not config.adapter.has_adapter:
        backward += layers + head
    again = layers + attention if checkpointing else 0.0
    return forward * (1 + config.method.further_passes) + backward + again


def frozen_parameters(config: RunConfig, shape: ModelShape) -> float:
    """The weights that are not trained where there is no adapter: all but the last layers'."""
    last = config.adapter.last_layers
    if last is None:
        return 0.0
    return shape.parameters - min(1.0, last / shape.layers) * shape.layer_parameters
