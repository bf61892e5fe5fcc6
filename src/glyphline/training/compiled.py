"""A model as compiled functions, forwards and backwards: Keras 3 has no gradient that every backend shares."""

from collections.abc import Callable
from typing import Any

import numpy as np

from glyphline.errors import TrainingError
from glyphline.training.keras_import import import_keras, is_tensorflow
from glyphline.values import Images, Labels, Pixels, Probs


def forward(model: Any) -> Callable[[Images], Probs]:
    """The model, traced once for every number of images: half the time of calling it layer by layer.

    Args:
        model: uint8 (n, h, w, c) -> float32 (n, classes).
    """
    if not is_tensorflow():
        return lambda images: np.asarray(model.predict_on_batch(images), dtype=np.float32)
    import tensorflow as tf

    def answer(images: Any) -> Any:
        return model(images, training=False)

    traced = tf.function(answer, input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)])
    return lambda images: traced(images).numpy()


def backward(model: Any) -> Callable[[Pixels, Labels], Pixels]:
    """How the probability of one class per image changes with its pixels.

    Args:
        model: uint8 (n, h, w, c) -> float32 (n, classes).

    Returns:
        A function of float32 (n, h, w, c) and int64 (n,) that gives float32 (n, h, w, c).

    Raises:
        TrainingError: Keras runs on another backend than TensorFlow.
    """
    keras = import_keras()
    if not is_tensorflow():
        raise TrainingError(
            f"explanations need gradients from TensorFlow, and Keras runs on {keras.backend.backend()}",
            fix="unset KERAS_BACKEND, or set evaluate.explanation_steps to 0",
        )
    import tensorflow as tf

    shape = tuple(model.input_shape[1:])
    # The same layers over an input that is no whole number: a model converts what it is given to its input's type.
    smooth = keras.models.clone_model(
        model, input_tensors=keras.Input(shape, dtype="float32"), clone_function=lambda layer: layer
    )

    def slope(images: Any, classes: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            probs = smooth(images, training=False)
            # The images of a batch do not touch one another, so the slope of the sum is the slope of each.
            total = tf.reduce_sum(tf.gather(probs, classes, axis=1, batch_dims=1))
        return tape.gradient(total, images)

    signature = [tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int64)]
    traced = tf.function(slope, input_signature=signature)
    return lambda images, classes: traced(images, classes).numpy()
