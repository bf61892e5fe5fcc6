"""Vary the colours of training images at random, by Keras' own layers."""

from typing import Any

from glyphline.params.train import AugmentParams
from glyphline.training.keras_import import import_keras


def vary_colours(params: AugmentParams, images: Any, *, name: str = "colours") -> Any:
    """The images of a batch, each with its own change of colours while the network trains, else as they are.

    Args:
        params: what may happen; a field that is 0 adds no layer.
        images: symbolic float32 (n, h, w, c) in [0, 1]; c must be 3 where saturation or hue varies.
        name: of the layers, before the name of the field.

    Returns:
        Symbolic float32 (n, h, w, c) in [0, 1].
    """
    layers, contrast = import_keras().layers, params.contrast
    less, more = 1 - params.saturation, 1 + params.saturation
    for field, kind, factor in (
        ("brightness", layers.RandomBrightness, params.brightness),
        # A pair: of one number Keras makes a range that only raises the contrast.
        ("contrast", layers.RandomContrast, (contrast, contrast)),
        # Keras multiplies the saturation by f / (1 - f), for an f between these two.
        ("saturation", layers.RandomSaturation, (less / (1 + less), more / (1 + more))),
        # Keras turns the hue by half of this at most.
        ("hue", layers.RandomHue, 2 * params.hue),
    ):
        if getattr(params, field):
            images = kind(factor, value_range=(0, 1), dtype="float32", name=f"{name}_{field}")(images)
    return images
