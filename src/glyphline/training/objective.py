"""The loss that a fit minimises, its optimizer and its metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.params.train import TrainParams
from glyphline.training.keras_import import import_keras, is_tensorflow
from glyphline.training.mixing import mixed_labels
from glyphline.training.schedule import schedule
from glyphline.training.smaller_steps import with_smaller_steps

# Decay pulls towards zero what scales the inputs; a bias or the shift of a normalisation scales nothing.
NOT_DECAYED = ["bias", "gamma", "beta"]


def loss(params: TrainParams, classes: int, class_weights: npt.NDArray[np.float32] | None = None) -> Any:
    """Cross-entropy in nats between labels int (n,) and float32 logits (n, members, classes): its mean over members.

    Where images are mixed there is one more column after the logits: which part of itself each image has kept.

    Args:
        params: section `train`; label smoothing and mixing count.
        classes: number of classes.
        class_weights: float32 (classes,), by which the loss of an image of each class is multiplied; None for all 1.

    Source of label smoothing: Szegedy et al., "Rethinking the Inception Architecture" (CVPR 2016), section 7.
    """
    keras = import_keras()
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=params.label_smoothing)

    class Crossentropy(keras.losses.Loss):  # type: ignore[name-defined, misc]
        def call(self, labels: Any, outputs: Any) -> Any:
            ops, logits = keras.ops, outputs[..., :classes]
            # A row for each member: none of them learns from the outputs of the others.
            wanted = ops.one_hot(ops.reshape(ops.cast(labels, "int32"), (-1, 1)), classes)
            if params.augment.mix != "none":
                wanted = mixed_labels(wanted, outputs[..., classes:])
            losses = smooth.call(ops.broadcast_to(wanted, ops.shape(logits)), logits)
            return losses if class_weights is None else losses * ops.matmul(wanted, class_weights)

    return Crossentropy(name="crossentropy")


def accuracy(classes: int) -> Any:
    """A Keras metric of outputs as `loss` takes them: how often the mean of the members' probabilities is right.

    An image that is mixed with another one keeps the larger part of itself, and its own label is the right one.
    """
    keras = import_keras()
    ops = keras.ops

    def right(labels: Any, outputs: Any) -> Any:
        probs = ops.mean(ops.softmax(outputs[..., :classes], axis=-1), axis=1)
        wanted = ops.reshape(ops.cast(labels, "int32"), (-1,))
        return ops.cast(ops.equal(wanted, ops.cast(ops.argmax(probs, axis=-1), "int32")), "float32")

    return keras.metrics.MeanMetricWrapper(right, name="accuracy")


def optimizer(
    params: TrainParams, steps: int, variables: list[Any], *, scales_loss: bool, slower: Sequence[Any] = ()
) -> Any:
    """A Keras optimizer, ready for the variables.

    Args:
        params: section `train`.
        steps: of the whole fit.
        variables: the trainable ones.
        scales_loss: gradients in float16 would vanish without it.
        slower: those of the variables whose steps are a part of the others', `backbone_rate`.
    """
    optimizers = import_keras().optimizers
    adam, sgd = _adam(), optimizers.SGD
    if slower:
        adam, sgd = (with_smaller_steps(kind, params.backbone_rate, list(slower)) for kind in (adam, sgd))
    # None and not 0: a decay of 0 would compute the step size for each weight, without effect.
    rate, decay = schedule(params, steps), params.weight_decay or None
    if params.optimizer == "adamw":
        # With this argument Adam is AdamW: the decay is subtracted from the weight, not added to the gradient.
        keras_optimizer = adam(rate, weight_decay=decay, beta_1=params.momentum, beta_2=params.beta_2)
    else:
        nesterov = params.momentum > 0
        keras_optimizer = sgd(rate, momentum=params.momentum, nesterov=nesterov, weight_decay=decay)
    if decay:
        keras_optimizer.exclude_from_weight_decay(var_list=list(slower), var_names=NOT_DECAYED)
    if scales_loss:
        keras_optimizer = optimizers.LossScaleOptimizer(keras_optimizer)
    # Variables that first appear inside the step would make Keras trace it twice.
    keras_optimizer.build(variables)
    return keras_optimizer


def _adam() -> Any:
    """The class of Adam that is quickest on the backend."""
    if is_tensorflow():
        from glyphline.training import tensorflow_backend

        return tensorflow_backend.adam()
    return import_keras().optimizers.Adam
