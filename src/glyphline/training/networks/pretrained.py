"""The networks of a backbone: images in, features out."""

from pathlib import Path
from typing import Any

from glyphline import backbones
from glyphline.errors import TrainingError
from glyphline.params.model import OWN_BACKBONE
from glyphline.records import BackboneWeights
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import efficientnet_lite0, keras_application, own_archive

COLOURS = 3


def feature_network(folder: Path, weights: BackboneWeights, image_shape: tuple[int, ...]) -> Any:
    """A Keras model: uint8 images (n, h, w, c) -> float32 features (n, f).

    Args:
        folder: of the backbones' weights.
        weights: which of them.
        image_shape: (h, w, c), c is 1 or 3.

    Raises:
        ArtifactError: the weights are missing or damaged.
        TrainingError: the backbone takes no images of this size, or Keras cannot build it.
    """
    keras = import_keras()
    images = keras.Input(image_shape, dtype="uint8", name="images")
    scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(images)
    if image_shape[-1] != COLOURS:
        # Grey: three times the same.
        scaled = keras.layers.Concatenate(name="coloured")([scaled] * COLOURS)
    backbone = network(folder, weights)
    _check_size(backbone, weights, image_shape)
    backbone.trainable = False
    return keras.Model(images, backbone(scaled), name="features")


def network(folder: Path, weights: BackboneWeights) -> Any:
    """The backbone itself: float32 images (n, h, w, 3) in [0, 1] -> float32 features (n, f).

    Raises:
        ArtifactError: the weights are missing or damaged.
        TrainingError: Keras cannot build it.
    """
    # The ending says the format, and the stem the name.
    match Path(weights.file).suffix:
        case ".h5":
            return keras_application.network(backbones.verified(folder, weights))
        case suffix if suffix == OWN_BACKBONE:
            return own_archive.network(backbones.verified(folder, weights))
    return efficientnet_lite0.network(backbones.arrays(folder, weights))


def _check_size(backbone: Any, weights: BackboneWeights, image_shape: tuple[int, ...]) -> None:
    size, wanted = tuple(image_shape[:2]), backbone.input_shape[1:3]
    have = f"and these have {size[0]} x {size[1]}"
    if None not in wanted and wanted != size:
        raise TrainingError(
            f"{weights.file} takes images of {wanted[0]} x {wanted[1]} pixels, {have}",
            fix=f"set preprocess.image_size to [{wanted[0]}, {wanted[1]}]",
        )
    least = keras_application.SMALLEST_SIDE
    if backbone.name in keras_application.NAMES and min(size) < least:
        raise TrainingError(
            f"{backbone.name} takes images from {least} x {least} pixels on, {have}",
            fix="enlarge them with preprocess.image_size, or choose another model.backbone",
        )
