"""The convolutional network, written against Keras 3 and no backend."""

from dataclasses import dataclass
from typing import Any

from glyphline.errors import TrainingError
from glyphline.params.schema import ModelParams
from glyphline.training.loading import load

# Images are halved until their smaller side is at most this, with the last filter count: a dense layer on larger maps
# would hold nearly all weights of the network.
LARGEST_MAP = 8


@dataclass(frozen=True, slots=True)
class Network:
    """One network with two ends that share all weights.

    Attributes:
        model: uint8 (n, h, w, c) -> float32 (n, classes), rows sum to 1; what is saved.
        logits: the same without the softmax; what is trained.
    """

    model: Any
    logits: Any


def build(params: ModelParams, image_shape: tuple[int, int, int], classes: int) -> Network:
    """A plain CNN: rescaling, convolution blocks, one hidden dense layer.

    The pool stands before the rectifier, which then runs on a quarter of the values with the same result. Batch
    normalisation forgets with 0.9 and not Keras' 0.99: after an epoch of twenty steps 0.99 still validates at chance.

    Args:
        params: widths, kernel and dropout.
        image_shape: (h, w, c), for example (28, 28, 1).
        classes: at least 2.

    Raises:
        TrainingError: there are fewer than two classes.
    """
    if classes < 2:
        raise TrainingError(f"the data set has {classes} class(es)", fix="give it at least two")
    keras, _ = load()
    layers = keras.layers
    inputs = keras.Input(image_shape, dtype="uint8", name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number, filters in enumerate(block_filters(params.filters, min(image_shape[:2])), start=1):
        x = layers.Conv2D(filters, params.kernel_size, padding="same", use_bias=False, name=f"conv_{number}")(x)
        if min(x.shape[1:3]) > 1:
            x = layers.MaxPooling2D(name=f"pool_{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(params.dense_units, activation="relu", name="hidden")(x)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    # float32 whatever the precision of the rest: a softmax in half precision loses the small probabilities.
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    probs = layers.Softmax(dtype="float32", name="probs")(logits)
    return Network(model=keras.Model(inputs, probs, name="classifier"), logits=keras.Model(inputs, logits))


def block_filters(filters: tuple[int, ...], side: int) -> tuple[int, ...]:
    """`filters`, with the last one repeated until `side` pixels have been halved to at most 8.

    >>> block_filters((16, 32), 28)
    (16, 32)
    >>> block_filters((16, 32), 64)
    (16, 32, 32)
    """
    blocks = list(filters)
    while side >> len(blocks) > LARGEST_MAP:
        blocks.append(filters[-1])
    return tuple(blocks)
