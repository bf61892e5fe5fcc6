"""Mix each training image with another one of its batch, and tell the loss in which parts, which mixes the labels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.params.train import AugmentParams
from glyphline.training.keras_import import import_keras

DRAWS = 4096


def mix(params: AugmentParams, images: Any, *, name: str = "mix") -> tuple[Any, Any]:
    """Each image of a batch with a part of its partner while the network trains, else as it is.

    The partner of an image is the one at the same place from the other end of the batch, whose order is random anyway.
    An image keeps at least half of itself, so that its own label stays the better answer. Not Keras' layers: both draw
    from a Beta distribution, which TensorFlow cannot compile with XLA, and CutMix rounds its boxes but not their parts.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (ICLR 2018); Yun et al., "CutMix: Regularization
    Strategy to Train Strong Classifiers with Localizable Features" (ICCV 2019).

    Args:
        params: `mix` and `mix_alpha` count.
        images: symbolic float32 (n, h, w, c).
        name: of the layer, unique in a network.

    Returns:
        The images, and the part that each keeps of itself: float32 (n, 1), from 0.5 to 1.
    """
    keras = import_keras()
    parts = _parts(params.mix_alpha)

    class Mix(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__(dtype="float32", name=name)
            self.seed_generator = keras.random.SeedGenerator(0)

        def call(self, images: Any, training: bool = False) -> tuple[Any, Any]:
            ops, count = keras.ops, keras.ops.shape(images)[0]
            if not training:
                return images, ops.ones((count, 1))
            drawn = keras.random.randint((count,), 0, DRAWS, seed=self.seed_generator)
            part = ops.reshape(ops.take(parts, drawn), (-1, 1, 1, 1))
            kept = part if params.mix == "mixup" else _outside_of_a_box(part, images, self.seed_generator)
            return kept * images + (1 - kept) * ops.flip(images, axis=0), ops.mean(kept, axis=(1, 2))

    mixed, kept = Mix()(images)
    return mixed, kept


def mixed_labels(one_hot: Any, kept: Any) -> Any:
    """The labels of a mixed batch.

    Args:
        one_hot: float32 (n, ..., classes), of the images before they were mixed.
        kept: float32, the part that each image keeps of itself; of a shape that goes with `one_hot`.
    """
    return kept * one_hot + (1 - kept) * import_keras().ops.flip(one_hot, axis=0)


def _parts(alpha: float) -> npt.NDArray[np.float32]:
    """The larger of two parts whose distribution is Beta(alpha, alpha): float32 (DRAWS,).

    A fixed sample to choose from: TensorFlow has no such draw that XLA compiles.
    """
    drawn = np.random.default_rng(0).beta(alpha, alpha, DRAWS)
    return np.maximum(drawn, 1 - drawn).astype(np.float32)


def _outside_of_a_box(part: Any, images: Any, seed: Any) -> Any:
    """1 outside of a box of the image's proportions, 0 inside it: float32 (n, h, w, 1).

    The box has whole pixels, lies within the image, and leaves at least `part` of it, float32 (n, 1, 1, 1).
    """
    keras = import_keras()
    ops = keras.ops
    corner = keras.random.uniform((ops.shape(images)[0], 2, 1, 1, 1), seed=seed)
    is_inside = []
    for axis, size in enumerate(images.shape[1:3]):
        length = ops.floor(ops.sqrt(1 - part) * size)
        first = ops.floor(corner[:, axis] * (size - length + 1))
        place = np.arange(size, dtype=np.float32).reshape((1, -1, 1, 1) if axis == 0 else (1, 1, -1, 1))
        is_inside.append(ops.logical_and(place >= first, place < first + length))
    return 1 - ops.cast(ops.logical_and(*is_inside), "float32")
