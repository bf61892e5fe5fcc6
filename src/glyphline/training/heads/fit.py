"""Fit heads on features: the same steps, schedule, validation and early end as any other fit."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from glyphline.params import Params
from glyphline.training.batch_order import GENERATOR_STREAM, order
from glyphline.training.checks import check_data
from glyphline.training.class_weights import class_weights
from glyphline.training.divergence import check_step
from glyphline.training.fitted import Fitted
from glyphline.training.heads.classifier import classifier
from glyphline.training.heads.context import FeatureContext
from glyphline.training.heads.head import Array, Head
from glyphline.training.heads.optimizer import Optimizer, optimizer
from glyphline.training.schedule import rate
from glyphline.training.validation import Validation
from glyphline.values import EpochHook, Features


def fit(
    params: Params,
    context: FeatureContext,
    *,
    seed: int,
    epochs: int | None = None,
    on_epoch: EpochHook | None = None,
) -> Fitted:
    """Fit the head that `params` describe; the backbone below it stays as it is.

    Args:
        params: sections `model` and `train` count.
        context: the features.
        seed: of weights, order and dropout.
        epochs: instead of `train.epochs`, and then without early stopping; for trials.
        on_epoch: called after each epoch; what it raises ends the fit.

    Raises:
        TrainingError: data and parameters do not go together, or the loss is not finite.
    """
    check_data(params, context.train, context.val)
    features = context.of(params.model.backbone)
    total = epochs or params.train.epochs
    head = _head(params, context, seed)
    validation = Validation(
        context.val.labels,
        predict=lambda: head.probabilities(features.val),
        weights=lambda: [weight.copy() for weight in head.weights],
        label_smoothing=params.train.label_smoothing,
        patience=params.train.patience if epochs is None else total,
        hook=on_epoch,
    )
    epoch = _Epochs(params, context, features.train, head, total=total, seed=seed)
    while len(validation.history) < total and not validation.should_stop:
        validation.end_epoch(*epoch.run(len(validation.history)))
    return Fitted(
        validation.best_weights,
        tuple(validation.history),
        validation.best_epoch,
        partial(classifier, params.model, context),
        frozen=features.weights.parameters,
    )


def parameter_count(params: Params, context: FeatureContext) -> int:
    """Number of weights of the whole network, without building it."""
    head = _head(params, context, seed=0)
    return context.of(params.model.backbone).weights.parameters + sum(weight.size for weight in head.weights)


def _head(params: Params, context: FeatureContext, seed: int) -> Head:
    model, features = params.model, context.of(params.model.backbone)
    classes = len(context.train.classes)
    return Head(features.train.shape[1], model.dense_units, classes, members=model.members, seed=seed)


class _Epochs:
    """The epochs of one fit."""

    def __init__(
        self, params: Params, context: FeatureContext, features: Features, head: Head, *, total: int, seed: int
    ) -> None:
        self._train, self._dropout, self._head, self._seed = params.train, params.model.dropout, head, seed
        self._features, self._labels = features, context.train.labels
        weights = class_weights(params.train, context.train)
        self._image_weights: Array | None = None if weights is None else weights[self._labels]
        self._optimizer: Optimizer = optimizer(params.train, head.weights)
        self._steps = params.train.steps_per_epoch(len(self._labels))
        self._total = total * self._steps

    def run(self, epoch: int) -> tuple[float, float, float]:
        """Train through one epoch, from 0: its mean loss in nats, its accuracy, and its last learning rate."""
        random = np.random.default_rng((self._seed, GENERATOR_STREAM, epoch))
        loss, right, learning_rate = 0.0, 0, 0.0
        for number, rows in enumerate(self._batches(epoch)):
            learning_rate = rate(self._train, epoch * self._steps + number, self._total)
            step = self._head.step(
                self._features[rows],
                self._labels[rows],
                smoothing=self._train.label_smoothing,
                image_weights=None if self._image_weights is None else self._image_weights[rows],
                dropout=self._dropout,
                random=random,
            )
            check_step(epoch, number, step.loss, learning_rate)
            self._optimizer.step(self._head.weights, step.gradients, learning_rate)
            loss, right = loss + step.loss * len(rows), right + step.right
        return loss / len(self._labels), right / len(self._labels), learning_rate

    def _batches(self, epoch: int) -> Iterator[Any]:
        rows, size = order(len(self._labels), self._seed, epoch), self._train.batch_size
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
