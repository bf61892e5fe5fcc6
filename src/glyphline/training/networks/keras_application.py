"""Keras' own applications, built without a download and given the weights of a file that was verified."""

from pathlib import Path
from typing import Any

from glyphline.errors import TrainingError
from glyphline.training.keras_import import import_keras

NAMES = {
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
    "efficientnet_v2_b0": "EfficientNetV2B0",
    "convnext_tiny": "ConvNeXtTiny",
}
"""Name in the catalogue -> name in `keras.applications`."""
SMALLEST_SIDE = 32
"""In pixels; below it, nothing is left for the last layers."""


def network(path: Path) -> Any:
    """Float32 images (n, h, w, 3) in [0, 1], of any size -> features float32 (n, f).

    Args:
        path: the file of weights, whose stem is the name in the catalogue.

    Raises:
        TrainingError: the file holds the weights of other layers.
    """
    keras = import_keras()
    images = keras.Input((None, None, 3), dtype="float32", name="scaled")
    # Each application has its own scaling and wants pixels of 0 to 255.
    pixels = keras.layers.Rescaling(255.0, name="pixels")(images)
    # `weights=None`: Keras would download them, which is for the stage `backbone` alone.
    application = getattr(keras.applications, NAMES[path.stem])(
        weights=None, include_top=False, include_preprocessing=True, pooling="avg", input_tensor=pixels
    )
    try:
        application.load_weights(path)
    except (ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"{path.name} does not hold the weights of {NAMES[path.stem]} in Keras {keras.__version__}: {reason}",
            fix="install what the project needs with `make setup`, or choose another model.backbone",
        ) from error
    return keras.Model(images, application.output, name=path.stem)
