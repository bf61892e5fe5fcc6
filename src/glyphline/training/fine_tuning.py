"""What a fit of a whole pretrained network begins with: the backbone as published, and heads fitted on its features."""

from glyphline.params import Params
from glyphline.training import heads
from glyphline.training.heads import FeatureContext
from glyphline.training.networks import Network

HEAD_EPOCHS = 20
"""Of the heads, before the backbone learns with them; on features that takes about a second."""


def set_heads(network: Network, params: Params, features: FeatureContext, *, seed: int) -> None:
    """Fit a head for each member on the features of the images as they are, and put it into the network.

    Gradients that pass through a head of random weights would spoil the backbone in its first steps.

    Args:
        network: of kind pretrained, just built.
        params: sections `model` and `train` count.
        features: of the same images.
        seed: of the fit.

    Source: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution" (ICLR
    2022).

    Raises:
        TrainingError: the loss of the heads is not finite.
    """
    weights = heads.fit(params, features, seed=seed, epochs=HEAD_EPOCHS).weights
    for number, member in enumerate(network.members):
        for name, arrays in heads.head_layers(weights, number):
            member.get_layer(name).set_weights(arrays)
