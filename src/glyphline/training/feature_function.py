"""A backbone as a function for programs, which needs no project and no stage."""

from collections.abc import Callable
from pathlib import Path

from glyphline import backbones
from glyphline.training.keras_import import import_keras
from glyphline.training.networks.pretrained import COLOURS, feature_network
from glyphline.training.prediction import compiled_predict
from glyphline.values import Features, Images


def feature_function(backbone: str, height: int, width: int, folder: Path) -> Callable[[Images], Features]:
    """A function of uint8 images (n, height, width, 3) that gives float32 features (n, f).

    Args:
        backbone: its name in the catalogue.
        height: of the images, in pixels.
        width: likewise.
        folder: where to put the weights; they are not needed afterwards.

    Raises:
        TrainingError: there is no such backbone, or its weights are not installed or are others.
    """
    config = import_keras().config
    # The program may have set its own, for its own networks.
    policy, data_format = config.dtype_policy(), config.image_data_format()
    config.set_dtype_policy("float32")
    config.set_image_data_format("channels_last")
    try:
        weights = backbones.fetch(backbone, folder)
        return compiled_predict(feature_network(folder, weights, (height, width, COLOURS)))
    finally:
        config.set_dtype_policy(policy)
        config.set_image_data_format(data_format)
