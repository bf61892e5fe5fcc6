"""A head in NumPy: one linear layer, or a hidden one with rectified units before it; several at once as members."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from glyphline.values import Features, Labels, Probs

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch gives.

    Attributes:
        loss: mean over images and members, in nats.
        right: images that the mean of the members' probabilities answers rightly.
        gradients: of the loss, one for each weight.
    """

    loss: float
    right: int
    gradients: list[Array]


class Head:
    """`members` heads that learn on their own, whose mean probabilities count.

    Args:
        features: numbers per image.
        hidden: units of the hidden layer; 0 for none.
        classes: at least 2.
        members: how many heads.
        seed: of the first weights, which are drawn as Keras' dense layers draw theirs.

    Attributes:
        weights: kernel (members, inputs, outputs) and bias (members, 1, outputs) of each layer.

    Source of the first weights: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010).
    """

    def __init__(self, features: int, hidden: int, classes: int, *, members: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        sizes = [features, hidden, classes] if hidden else [features, classes]
        self.weights: list[Array] = []
        for inputs, outputs in pairwise(sizes):
            limit = np.sqrt(6 / (inputs + outputs))
            self.weights += [
                random.uniform(-limit, limit, (members, inputs, outputs)).astype(np.float32),
                np.zeros((members, 1, outputs), np.float32),
            ]

    def probabilities(self, features: Features) -> Probs:
        """Mean of the members' probabilities: float32 (n, f) -> float32 (n, classes)."""
        *hidden, kernel, bias = self.weights
        probs: Probs = _softmax(_last_inputs(features[np.newaxis], hidden) @ kernel + bias).mean(axis=0)
        return probs

    def step(
        self,
        features: Features,
        labels: Labels,
        *,
        smoothing: float,
        image_weights: Array | None,
        dropout: float,
        random: np.random.Generator,
    ) -> Step:
        """Loss and gradients of a batch.

        Args:
            features: float32 (n, f).
            labels: int64 (n,).
            smoothing: part of each label that is spread over all classes.
            image_weights: float32 (n,), how much each image counts in the loss; None for all the same.
            dropout: part of the last layer's inputs that is left out.
            random: draws which.
        """
        *hidden, kernel, bias = self.weights
        members, _, classes = kernel.shape
        x: Array = features[np.newaxis]
        inner = _last_inputs(x, hidden)
        kept = _kept((members, *inner.shape[1:]), dropout, random)
        last: Array = inner if kept is None else inner * kept
        probs = _softmax(last @ kernel + bias)

        wanted = np.full((len(labels), classes), smoothing / classes, np.float32)
        wanted[np.arange(len(labels)), labels] += 1 - smoothing
        each = -(wanted * np.log(np.maximum(probs, np.finfo(np.float32).tiny))).sum(axis=-1)
        delta = probs - wanted
        if image_weights is not None:
            each, delta = each * image_weights, delta * image_weights[:, np.newaxis]
        # Each member has a loss of its own: its step does not depend on how many others there are.
        delta /= len(labels)

        gradients = [np.swapaxes(last, 1, 2) @ delta, delta.sum(axis=1, keepdims=True)]
        if hidden:
            delta = delta @ np.swapaxes(kernel, 1, 2)
            if kept is not None:
                delta *= kept
            delta *= inner > 0
            gradients = [np.swapaxes(x, 1, 2) @ delta, delta.sum(axis=1, keepdims=True), *gradients]
        return Step(float(each.mean()), int((probs.mean(axis=0).argmax(axis=-1) == labels).sum()), gradients)


def _last_inputs(features: Array, hidden: list[Array]) -> Array:
    return np.maximum(features @ hidden[0] + hidden[1], 0) if hidden else features


def _softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probs


def _kept(shape: tuple[int, ...], dropout: float, random: np.random.Generator) -> Array | None:
    """0 for what is left out, and for the rest what keeps the expected sum; None when nothing is left out."""
    if not dropout:
        return None
    return (random.random(shape, dtype=np.float32) >= dropout).astype(np.float32) / np.float32(1 - dropout)
