"""A classifier for training and serving, around the body that `model.kind` names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import cnn, custom, pretrained, resnet

Body = Callable[[Any], Any]
"""Symbolic float32 images (n, h, w, c) in [0, 1] -> symbolic logits (n, classes)."""


@dataclass(frozen=True, slots=True)
class Network:
    """A classifier and its trainable members; they share all weights.

    Attributes:
        model: uint8 (n, h, w, c) -> float32 (n, classes), rows sum to 1; what is saved.
        members: float32 (n, h, w, c) in [0, 1] -> float32 (n, classes), before the softmax; each is trained on its own,
            and `model` gives the mean of their probabilities.
        backbones: those within the members whose weights have learned before; their steps are smaller.
    """

    model: Any
    members: tuple[Any, ...]
    backbones: tuple[Any, ...] = ()


def build(
    params: Params,
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    policy: str = "float32",
    project: Path | None = None,
    backbone: Callable[[], Any] | None = None,
) -> Network:
    """The network that `params.model` describes, or several of its kind that start from different weights.

    Source of the mean over members: Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles" (NeurIPS 2017).

    Args:
        params: section `model` counts; the user's own function may read all sections.
        image_shape: (h, w, c), for example (28, 28, 1).
        classes: at least 2.
        policy: Keras' name for the precision of the layers; logits and probabilities are float32 in any case.
        project: folder that holds the user's own function, if there is one.
        backbone: makes the backbone of a pretrained network, each time a new one.

    Raises:
        TrainingError: there are fewer than two classes, the images are too small for the blocks, or the user's own
            function returns no network for these images and classes.
    """
    keras = import_keras()
    backbones: list[Any] = []

    def new_backbone() -> Any:
        assert backbone is not None
        backbones.append(backbone())
        return backbones[-1]

    # Only through the policy does the user's own function learn the precision.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        images = keras.Input(image_shape, dtype="uint8", name="images")
        scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(images)
        if params.model.members == 1:
            logits = _body(params, image_shape, classes, project, new_backbone)(scaled)
            probs = keras.layers.Softmax(dtype="float32", name="probs")(logits)
            members: tuple[Any, ...] = (keras.Model(scaled, logits, name="network"),)
        else:
            members = tuple(
                _member(_body(params, image_shape, classes, project, new_backbone), image_shape, f"member_{number}")
                for number in range(1, params.model.members + 1)
            )
            # Named: TensorFlow adds them up in the order of their names, and Keras' own count on from model to model.
            each = [
                keras.layers.Softmax(dtype="float32", name=f"probs_{number}")(member(scaled))
                for number, member in enumerate(members, start=1)
            ]
            probs = keras.layers.Average(dtype="float32", name="probs")(each)
        return Network(keras.Model(images, probs, name="classifier"), members, tuple(backbones))
    finally:
        keras.config.set_dtype_policy(before)


def _member(body: Body, image_shape: tuple[int, int, int], name: str) -> Any:
    keras = import_keras()
    images = keras.Input(image_shape, dtype="float32", name="scaled")
    return keras.Model(images, body(images), name=name)


def check_network(
    params: Params,
    image_shape: tuple[int, int, int],
    classes: int,
    project: Path | None = None,
    backbone: Any = None,
) -> None:
    """Check that the network can be built, building as little of it as possible.

    Args:
        params: as `build` takes them, like the following.
        image_shape: (h, w, c).
        classes: at least 2.
        project: folder that holds the user's own function, if there is one.
        backbone: of a pretrained network, already made.

    Raises:
        TrainingError: as `build` does.
    """
    _body(params, image_shape, classes, project, lambda: backbone)
    if params.model.kind == PRETRAINED:
        pretrained.check_layers(backbone, params.train.tune_backbone)


def _body(
    params: Params,
    image_shape: tuple[int, int, int],
    classes: int,
    project: Path | None,
    backbone: Callable[[], Any],
) -> Body:
    if classes < 2:
        raise TrainingError(f"the data set has {classes} class(es)", fix="give it at least two")
    if params.model.kind == "cnn":
        return cnn.body(params.model, min(image_shape[:2]), classes)
    if params.model.kind == "resnet":
        return resnet.body(params.model, min(image_shape[:2]), classes)
    if params.model.kind == PRETRAINED:
        return pretrained.body(params, backbone, classes)
    return custom.body(params, image_shape, classes, project)
