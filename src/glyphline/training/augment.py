"""Vary training images at random: one resampling for shift, rotation, zoom, warp and crop, then cutout and flip."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.params.train import AugmentParams
from glyphline.training.crop import positions_in_crop
from glyphline.training.keras_import import import_keras

CONTROL_POINTS = 4
"""Points along a side whose displacements make up the warp; between them it is smooth."""


def augment(params: AugmentParams, images: Any, *, name: str = "augment") -> Any:
    """The images of a batch, each varied in its own way while the network trains, else as they are.

    Written in `keras.ops` alone, for any backend. The layer's random generator advances by a fixed number of draws per
    step, so that what happens to a batch is a function of the generator's state when the epoch begins, and the step.

    Args:
        params: what may happen.
        images: symbolic float32 (n, h, w, c).
        name: of the layer, unique in a network; one of Keras' own would depend on what the process made before.
    """
    keras = import_keras()

    class Augment(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__(dtype="float32", name=name)
            self.seed_generator = keras.random.SeedGenerator(0)

        def call(self, images: Any, training: bool = False) -> Any:
            return _vary(params, images, self.seed_generator) if training else images

    return Augment()(images) if _resamples(params) or params.cutout or params.flip != "none" else images


def _resamples(params: AugmentParams) -> bool:
    return any((params.shift, params.rotation_deg, params.zoom, params.elastic, params.crop))


def _vary(params: AugmentParams, images: Any, seed: Any) -> Any:
    if _resamples(params):
        images = _resample(images, *_source_positions(params, images, seed))
    if params.cutout:
        images = _cutout(images, params.cutout, seed)
    for name, axis in (("horizontal", 2), ("vertical", 1)):
        if params.flip in {name, "both"}:
            images = _flip(images, axis, seed)
    return images


def _source_positions(params: AugmentParams, images: Any, seed: Any) -> tuple[Any, Any]:
    """Where each pixel takes its value from: rows and columns, float32 (n, h * w) each."""
    keras = import_keras()
    ops = keras.ops
    count, (height, width) = ops.shape(images)[0], images.shape[1:3]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y, x = (axis.reshape(1, -1) for axis in np.mgrid[:height, :width].astype(np.float32))
    draws = keras.random.uniform((count, 5, 1), -1.0, 1.0, seed=seed)
    angle = draws[:, 0] * math.radians(params.rotation_deg)
    zoom_y, zoom_x = 1 + draws[:, 1] * params.zoom, 1 + draws[:, 2] * params.zoom
    shift_y, shift_x = draws[:, 3] * params.shift * height, draws[:, 4] * params.shift * width
    from_middle_y, from_middle_x = (y - middle_y) * zoom_y, (x - middle_x) * zoom_x
    source_y = middle_y + shift_y + ops.cos(angle) * from_middle_y + ops.sin(angle) * from_middle_x
    source_x = middle_x + shift_x + ops.cos(angle) * from_middle_x - ops.sin(angle) * from_middle_y
    if params.elastic:
        points = keras.random.normal((count, 2, CONTROL_POINTS, CONTROL_POINTS), seed=seed)
        warp = ops.einsum("hk,nakl,wl->nahw", _spline(height), points, _spline(width)) * params.elastic
        source_y = source_y + height * ops.reshape(warp[:, 0], (-1, height * width))
        source_x = source_x + width * ops.reshape(warp[:, 1], (-1, height * width))
    if params.crop:
        return positions_in_crop(params.crop, source_y, source_x, (height, width), seed)
    return source_y, source_x


def _spline(size: int) -> npt.NDArray[np.float32]:
    """Cubic B-spline weights of the control points for each pixel of a side, float32 (size, points).

    Scaled to a variance of 1 on average over the side, for points of variance 1.
    """
    away = np.abs(np.linspace(0, CONTROL_POINTS - 1, size)[:, None] - np.arange(CONTROL_POINTS)[None])
    weights = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.where(away < 2, (2 - away) ** 3 / 6, 0))
    return (weights / math.sqrt(np.square(weights).sum(axis=1).mean())).astype(np.float32)


def _resample(images: Any, y: Any, x: Any) -> Any:
    """Bilinear values of `images` at rows `y` and columns `x`; black beyond the border."""
    ops = import_keras().ops
    count, (height, width, channels) = ops.shape(images)[0], images.shape[1:]
    # One black pixel on each side, two on the far ones: a position at the border has all its neighbours.
    padded = ops.pad(images, ((0, 0), (1, 2), (1, 2), (0, 0)))
    # The four neighbours next to one another: one gather of four values costs less than four of one.
    corners = [padded[:, dy : height + 2 + dy, dx : width + 2 + dx] for dy in (0, 1) for dx in (0, 1)]
    table = ops.reshape(ops.concatenate(corners, axis=-1), (-1, 4 * channels))
    y, x = ops.clip(y + 1, 0, height + 1), ops.clip(x + 1, 0, width + 1)
    top, left = ops.floor(y), ops.floor(x)
    first = ops.expand_dims(ops.arange(count, dtype="int32") * ((height + 2) * (width + 2)), 1)
    neighbours = ops.take(table, first + ops.cast(top * (width + 2) + left, "int32"), axis=0)
    down, right = y - top, x - left
    weights = ops.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=-1)
    neighbours = ops.reshape(neighbours, (-1, height, width, 4, channels))
    return ops.sum(neighbours * ops.reshape(weights, (-1, height, width, 4, 1)), axis=3)


def _cutout(images: Any, part: float, seed: Any) -> Any:
    """Black squares, whose middles lie anywhere in the image.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017).
    """
    keras = import_keras()
    ops = keras.ops
    count, (height, width) = ops.shape(images)[0], images.shape[1:3]
    half = part * min(height, width) / 2
    middle = keras.random.uniform((count, 2, 1), seed=seed)
    outside_y = ops.abs(np.arange(height, dtype=np.float32) + 0.5 - middle[:, 0] * height) >= half
    outside_x = ops.abs(np.arange(width, dtype=np.float32) + 0.5 - middle[:, 1] * width) >= half
    visible = ops.logical_or(ops.expand_dims(outside_y, 2), ops.expand_dims(outside_x, 1))
    return images * ops.cast(ops.expand_dims(visible, 3), "float32")


def _flip(images: Any, axis: int, seed: Any) -> Any:
    keras = import_keras()
    ops = keras.ops
    is_flipped = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=seed) < 0.5
    return ops.where(is_flipped, ops.flip(images, axis=axis), images)
