"""The whole classifier, pixels in and probabilities out: a backbone and the heads that were fitted on its features."""

from collections.abc import Iterator
from typing import Any

from glyphline.params.model import ModelParams
from glyphline.training.checkpoint import Arrays
from glyphline.training.heads.context import FeatureContext
from glyphline.training.keras_import import import_keras, use_default_settings


def classifier(params: ModelParams, context: FeatureContext, weights: Arrays) -> Any:
    """A Keras model: uint8 (n, h, w, c) -> float32 (n, classes), rows sum to 1.

    Args:
        params: backbone, hidden units and members.
        context: gives the backbone and the shape of the images.
        weights: of the heads, as `Head` has them.
    """
    keras = import_keras()
    use_default_settings()
    below = context.feature_network(params.backbone)
    probs = [_member(below.output, weights, number, params.members) for number in range(params.members)]
    mean = keras.layers.Average(name="probs")(probs) if params.members > 1 else probs[0]
    return keras.Model(below.input, mean, name="classifier")


def head_layers(weights: Arrays, number: int) -> Iterator[tuple[str, Arrays]]:
    """Kernel and bias of each layer of one head, counted from 0, with the layer's name in every network."""
    pairs = [[kernel[number], bias[number, 0]] for kernel, bias in zip(weights[::2], weights[1::2], strict=True)]
    return zip(("hidden", "logits")[-len(pairs) :], pairs, strict=True)


def _member(features: Any, weights: Arrays, number: int, members: int) -> Any:
    keras = import_keras()
    end = f"_{number + 1}" if members > 1 else ""
    x = features
    for name, pair in head_layers(weights, number):
        dense = keras.layers.Dense(len(pair[1]), activation="relu" if name == "hidden" else None, name=f"{name}{end}")
        x = dense(x)
        dense.set_weights(pair)
    return keras.layers.Softmax(name=f"probs{end}")(x)
