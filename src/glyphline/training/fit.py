"""Fit one network: the result depends on its parameters, the seed and the data alone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from glyphline import cores
from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.training import archive
from glyphline.training.baselines import mean_recall
from glyphline.training.checkpoint import Arrays, Checkpoint, FitState
from glyphline.training.checks import check_data
from glyphline.training.code_digest import code_digest
from glyphline.training.fit_context import FitContext
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import build
from glyphline.training.prediction import probabilities
from glyphline.training.trainer import Trainer
from glyphline.training.validation import VALIDATION_BATCH, Validation
from glyphline.values import EpochHook, Split

log = logging.getLogger(__name__)

# Fields of the section `train` that change how the fit runs and not its result.
WITHOUT_EFFECT = {"memory_mb", "gpu_memory_mb"}


@dataclass(frozen=True)
class Fitted:
    """A fitted network with the weights of its best epoch.

    Attributes:
        weights: of the best epoch.
        history: the metrics of each epoch.
        best_epoch: from 0.
        build: makes the network that takes the weights, in float32.
        checkpoint: the state after the last epoch, on disk; None when none was asked for.
    """

    weights: Arrays
    history: tuple[dict[str, float], ...]
    best_epoch: int
    build: Callable[[], Any]
    checkpoint: Checkpoint | None = None

    @property
    def best_metrics(self) -> dict[str, float]:
        """The metrics of the best epoch."""
        return self.history[self.best_epoch]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.size for weight in self.weights)

    def weights_digest(self) -> str:
        """Identity of the weights; a .keras file holds dates and differs each time."""
        return archive.weights_digest(self.weights)

    @cached_property
    def model(self) -> Any:
        """uint8 (n, h, w, c) -> float32 (n, classes), float32 after a fit in any precision; built at the first use."""
        network = self.build()
        network.set_weights(self.weights)
        return network

    def save(self, path: Path) -> None:
        """Write the model as a .keras archive, atomically."""
        archive.save(self.model, path)

    def balanced_accuracy(self, split: Split) -> float:
        """The mean of the recalls of the classes that have images in `split`, a fraction."""
        predicted = probabilities(self.model, split.images, VALIDATION_BATCH).argmax(axis=1)
        right = split.labels[predicted == split.labels]
        hits, images = (np.bincount(labels, minlength=len(split.classes)) for labels in (right, split.labels))
        return mean_recall(hits, images)

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint, once the result of the fit is saved."""
        if self.checkpoint is not None:
            self.checkpoint.remove()


def fit(
    params: Params,
    context: FitContext,
    *,
    seed: int,
    epochs: int | None = None,
    on_epoch: EpochHook | None = None,
    checkpoints: Path | None = None,
) -> Fitted:
    """Train the network that `params` describe.

    Args:
        params: sections `model` and `train` count.
        context: devices and data.
        seed: of weights, order, dropout and augmentation; the same seed gives the same weights on the same machine,
            whether the images stream or not, and whether the fit was interrupted or not.
        epochs: instead of `train.epochs`, and then without early stopping; for trials.
        on_epoch: called after each epoch, and for each epoch of an interrupted fit that is resumed; what it raises
            ends the fit.
        checkpoints: folder for the state after each epoch, from which the same fit goes on after a kill.

    Raises:
        TrainingError: data and network do not go together, or the loss is not finite.
    """
    train, total = context.train.split, epochs or params.train.epochs
    check_data(params, train, context.val)
    import_keras().utils.set_random_seed(seed)
    make = partial(build, params, train.image_shape, len(train.classes), project=context.project)
    with context.scope():
        network = make(policy=context.device.policy)
        trainer = Trainer(params.train, context.device, network, context.train, epochs=total, seed=seed)
    # Prediction on several devices would give every image to each of them.
    single_device_model = make().model if context.strategy else None
    validation = Validation(
        single_device_model or network.model,
        context.val,
        label_smoothing=params.train.label_smoothing,
        patience=params.train.patience if epochs is None else total,
        hook=on_epoch,
        trained_weights=trainer.weights if single_device_model else None,
    )
    checkpoint = Checkpoint(checkpoints, _identity(params, context, seed, total)) if checkpoints else None
    if checkpoint:
        _resume(checkpoint, trainer, validation)

    def fitted() -> Fitted:
        best = validation.best_weights, tuple(validation.history), validation.best_epoch
        return Fitted(*best, lambda: make().model, checkpoint)

    if len(validation.history) < total and not validation.should_stop:
        _run(trainer, validation, checkpoint, fitted)
    return fitted()


def _resume(checkpoint: Checkpoint, trainer: Trainer, validation: Validation) -> None:
    state = checkpoint.load(trainer.shapes)
    if state is not None:
        log.info("going on after epoch %d, where this fit was interrupted", len(state.history))
        trainer.state = state.network, state.optimizer
        validation.resume(state)


def _run(trainer: Trainer, validation: Validation, checkpoint: Checkpoint | None, fitted: Callable[[], Fitted]) -> None:
    def after_epoch() -> None:
        if checkpoint:
            checkpoint.save(
                FitState(validation.history, validation.best_epoch, validation.best_weights, *trainer.state)
            )

    try:
        trainer.run(validation, after_epoch=after_epoch)
    except TrainingError as error:
        if checkpoint is None or not validation.history:
            raise
        kept = checkpoint.path.with_suffix(".keras")
        fitted().save(kept)
        raise TrainingError(
            f"{error.problem}; the weights of epoch {validation.best_epoch + 1} are kept in {kept}", fix=error.fix
        ) from error


def _identity(params: Params, context: FitContext, seed: int, epochs: int) -> Any:
    """All that the result of a fit depends on."""
    backend = str(import_keras().backend.backend())
    return {
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "seed": seed,
        "epochs": epochs,
        "data": [context.train.split.digest, context.val.digest],
        "device": [context.device.name, context.device.precision, context.device.xla, cores.visible()],
        "code": code_digest(params.model.kind, context.project),
        "versions": [version("keras"), backend, version(backend)],
    }
