"""The networks of a backbone: images in, features out."""

from pathlib import Path
from typing import Any

from glyphline import backbones
from glyphline.records import BackboneWeights
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import efficientnet_lite0

COLOURS = 3


def feature_network(folder: Path, weights: BackboneWeights, image_shape: tuple[int, ...]) -> Any:
    """A Keras model: uint8 images (n, h, w, c) -> float32 features (n, f).

    Args:
        folder: of the backbones' weights.
        weights: which of them.
        image_shape: (h, w, c), c is 1 or 3.

    Raises:
        ArtifactError: the weights are missing or damaged.
    """
    keras = import_keras()
    images = keras.Input(image_shape, dtype="uint8", name="images")
    scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(images)
    if image_shape[-1] != COLOURS:
        # Grey: three times the same.
        scaled = keras.layers.Concatenate(name="coloured")([scaled] * COLOURS)
    backbone = efficientnet_lite0.network(backbones.arrays(folder, weights))
    backbone.trainable = False
    return keras.Model(images, backbone(scaled), name="features")
