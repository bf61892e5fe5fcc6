"""The networks of a backbone: images in, features out; or, where its blocks are to learn too, logits out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from glyphline import backbones
from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.params.model import OWN_BACKBONE
from glyphline.params.train import TuneBackbone
from glyphline.records import BackboneWeights
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import efficientnet_lite0, keras_application, own_archive
from glyphline.training.networks.head import head

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
    backbone = network(folder, weights)
    _check_size(backbone, weights, image_shape)
    backbone.trainable = False
    return keras.Model(images, backbone(_coloured(scaled)), name="features")


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


def body(params: Params, backbone: Callable[[], Any], classes: int) -> Callable[[Any], Any]:
    """A backbone of which `train.tune_backbone` says what learns, and the head of the other networks.

    Args:
        params: sections `model` and `train` count.
        backbone: makes the backbone.
        classes: number of logits.
    """

    def apply(scaled: Any) -> Any:
        below = backbone()
        _set_trainable(below, params.train.tune_backbone)
        return head(params.model, below(_coloured(scaled)), classes)

    return apply


def check_layers(backbone: Any, wanted: TuneBackbone) -> None:
    """Check that a backbone has as many layers as are to learn.

    Raises:
        TrainingError: it has fewer.
    """
    most = len(_learning(backbone))
    if isinstance(wanted, int) and wanted > most:
        raise TrainingError(
            f"train.tune_backbone={wanted}, and {backbone.name} has {most} layers with weights that can learn",
            fix=f"set train.tune_backbone to {most} or less, or to all",
        )


def is_depthwise(backbone: Any) -> bool:
    """True where convolutions within one channel are a part of the backbone."""
    depthwise = import_keras().layers.DepthwiseConv2D
    return any(isinstance(layer, depthwise) for layer in _leaves(backbone))


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


def _set_trainable(backbone: Any, wanted: TuneBackbone) -> None:
    backbone.trainable = True
    for layer in _leaves(backbone):
        layer.trainable = False
    layers = _learning(backbone)
    count = wanted if isinstance(wanted, int) else {"none": 0, "all": len(layers)}[wanted]
    for layer in layers[len(layers) - count :]:
        layer.trainable = True


def _learning(backbone: Any) -> list[Any]:
    """The layers with weights that can learn, from the pixels on.

    Not batch normalisation: with the statistics of a few small batches in place of those of ImageNet, a network answers
    differently in training and afterwards (keras issue 9214). A layer that is not trainable keeps to its own.
    """
    normalisation = import_keras().layers.BatchNormalization
    return [layer for layer in _leaves(backbone) if layer.weights and not isinstance(layer, normalisation)]


def _leaves(model: Any) -> Iterator[Any]:
    """The layers of a model, and in place of models within it, their layers."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _coloured(scaled: Any) -> Any:
    """Three colours: a grey image is seen as three times the same."""
    if scaled.shape[-1] == COLOURS:
        return scaled
    return import_keras().layers.Concatenate(name="coloured")([scaled] * COLOURS)
