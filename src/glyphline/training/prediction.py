"""Probabilities of a model, and their gradients: Keras 3 has no gradient that every backend shares."""

from typing import Any

import numpy as np

from glyphline.errors import TrainingError
from glyphline.training.images import reader
from glyphline.training.keras_import import import_keras, is_tensorflow
from glyphline.values import Gradients, Images, Predict, Probs, images_at_once


def probabilities(model: Any, images: Images, batch_size: int) -> Probs:
    """Softmax output of `model`, float32 (n, classes), for images uint8 (n, h, w, c), while a fit goes on.

    The last batch is filled up with copies of the last image, so that one compiled program serves all batches.
    """
    count, read = len(images), reader(images)
    size = min(images_at_once(images.shape[1:], batch_size), count)
    batches = [
        np.asarray(model.predict_on_batch(read(np.minimum(np.arange(start, start + size), count - 1))))
        for start in range(0, count, size)
    ]
    return np.concatenate(batches)[:count].astype(np.float32, copy=False)


def compiled_predict(model: Any) -> Predict:
    """The model as one compiled function for any number of images: half the time of calling it layer by layer.

    Args:
        model: uint8 (n, h, w, c) -> float32 (n, classes).
    """
    if not is_tensorflow():
        return lambda images: np.asarray(model.predict_on_batch(images), dtype=np.float32)
    import tensorflow as tf

    def probs(images: Any) -> Any:
        return model(images, training=False)

    traced = tf.function(probs, input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)])
    return lambda images: traced(images).numpy()


def compiled_gradients(model: Any) -> Gradients:
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
    # The same layers over an input of floats: a model converts its images to the type of its input.
    float_model = keras.models.clone_model(
        model, input_tensors=keras.Input(shape, dtype="float32"), clone_function=lambda layer: layer
    )

    def gradients(images: Any, classes: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            probs = float_model(images, training=False)
            # An image has no influence on another one's probability, so the gradient of the sum is that of each.
            total = tf.reduce_sum(tf.gather(probs, classes, axis=1, batch_dims=1))
        return tape.gradient(total, images)

    signature = [tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int64)]
    traced = tf.function(gradients, input_signature=signature)
    return lambda images, classes: traced(images, classes).numpy()
