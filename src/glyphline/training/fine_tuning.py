"""What a fit of a whole pretrained network begins with: the backbone as published, and heads fitted on its features."""

from glyphline.params import Params
from glyphline.training import heads
from glyphline.training.heads import FeatureContext
from glyphline.training.networks import Network

HEAD_EPOCHS = 40
"""Of the heads, before the backbone learns with them: as many as in the recipe `photos`, a matter of seconds."""


def set_heads(network: Network, params: Params, features: FeatureContext, *, seed: int) -> tuple[float, float, float]:
    """Fit a head for each member on the features of the images as they are, and put it into the network.

    Gradients that pass through a head of random weights would spoil the backbone in its first steps.

    Args:
        network: of kind pretrained, just built.
        params: sections `model` and `train` count.
        features: of the same images.
        seed: of the fit.

    Returns:
        The loss and accuracy of the heads on the training images, and the last learning rate.

    Source: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution" (ICLR
    2022).

    Raises:
        TrainingError: the loss of the heads is not finite.
    """
    fitted = heads.fit(params, features, seed=seed, epochs=HEAD_EPOCHS)
    for number, member in enumerate(network.members):
        for name, arrays in heads.head_layers(fitted.weights, number):
            member.get_layer(name).set_weights(arrays)
    metrics = fitted.best_metrics
    return metrics["train_loss"], metrics["train_accuracy"], metrics["learning_rate"]
