"""The last layers of the built-in networks, and the check that images are large enough for their blocks."""

from typing import Any

from glyphline.errors import TrainingError
from glyphline.params.model import ModelParams
from glyphline.training.keras_import import import_keras

BATCH_NORM_MOMENTUM = 0.9
"""Not Keras' 0.99: after an epoch of twenty steps 0.99 still validates at chance."""


def check_blocks(side: int, blocks: int, halvings: int) -> None:
    """Check that an image has a pixel left after the halvings of its smaller side.

    Args:
        side: in pixels.
        blocks: of the network.
        halvings: of the image's sides in all blocks.

    Raises:
        TrainingError: nothing is left.
    """
    if side >> halvings == 0:
        raise TrainingError(
            f"model.filters has {blocks} blocks that halve the images {halvings} times, and of {side} pixels nothing "
            "would be left",
            fix=f"give model.filters at most {side.bit_length() - 1 + blocks - halvings} values, or enlarge the images "
            "with preprocess.image_size",
        )


def head(params: ModelParams, x: Any, classes: int) -> Any:
    """From features (n, f) to float32 logits (n, classes)."""
    layers = import_keras().layers
    if params.dense_units:
        x = layers.Dense(params.dense_units, activation="relu", name="hidden")(x)
    if params.dropout:
        x = layers.Dropout(params.dropout, name="dropout")(x)
    # float32 whatever the precision of the rest: a softmax in half precision loses the small probabilities.
    return layers.Dense(classes, dtype="float32", name="logits")(x)
