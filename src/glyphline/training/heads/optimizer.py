"""Adam with decoupled weight decay, and SGD with momentum, in NumPy, as Keras computes them.

Sources: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015); Loshchilov and Hutter, "Decoupled
Weight Decay Regularization" (ICLR 2019); Sutskever et al., "On the importance of initialization and momentum in deep
learning" (ICML 2013).
"""

from typing import Protocol

import numpy as np

from glyphline.params.train import TrainParams
from glyphline.training.heads.head import Array

EPSILON = 1e-7


class Optimizer(Protocol):
    """Changes weights in place."""

    def step(self, weights: list[Array], gradients: list[Array], rate: float) -> None:
        """One step of size `rate` against the gradients; every other weight is a bias, which does not decay."""


def optimizer(params: TrainParams, weights: list[Array]) -> Optimizer:
    """The optimizer that `train.optimizer` names, for weights of these shapes."""
    return _Adam(params, weights) if params.optimizer == "adamw" else _Sgd(params, weights)


class _Adam:
    def __init__(self, params: TrainParams, weights: list[Array]) -> None:
        self._beta_1, self._beta_2, self._decay = params.momentum, params.beta_2, params.weight_decay
        self._means, self._squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
        self._steps = 0

    def step(self, weights: list[Array], gradients: list[Array], rate: float) -> None:
        self._steps += 1
        corrected = np.float32(rate * np.sqrt(1 - self._beta_2**self._steps) / (1 - self._beta_1**self._steps))
        _decay(weights, self._decay * rate)
        for weight, gradient, mean, square in zip(weights, gradients, self._means, self._squares, strict=True):
            np.add(mean, (gradient - mean) * np.float32(1 - self._beta_1), out=mean)
            np.add(square, (gradient * gradient - square) * np.float32(1 - self._beta_2), out=square)
            np.subtract(weight, corrected * mean / (np.sqrt(square) + np.float32(EPSILON)), out=weight)


class _Sgd:
    def __init__(self, params: TrainParams, weights: list[Array]) -> None:
        self._momentum, self._decay = np.float32(params.momentum), params.weight_decay
        self._velocities = [np.zeros_like(weight) for weight in weights]

    def step(self, weights: list[Array], gradients: list[Array], rate: float) -> None:
        _decay(weights, self._decay * rate)
        for weight, gradient, velocity in zip(weights, gradients, self._velocities, strict=True):
            down = gradient * np.float32(rate)
            np.subtract(self._momentum * velocity, down, out=velocity)
            # Nesterov's momentum; without momentum, plain descent.
            np.add(weight, self._momentum * velocity - down, out=weight)


def _decay(weights: list[Array], part: float) -> None:
    if part:
        for kernel in weights[::2]:
            np.multiply(kernel, np.float32(1 - part), out=kernel)
