"""Fit one network: pure in its parameters, its seed and the data."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.training import archive, hardware
from glyphline.training.checkpoint import Arrays, Checkpoint, FitState
from glyphline.training.checks import check
from glyphline.training.code_digest import code_digest
from glyphline.training.fit_context import FitContext
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import build
from glyphline.training.trainer import Trainer
from glyphline.training.validation import Validation
from glyphline.values import EpochHook

log = logging.getLogger(__name__)

# Fields that say where the work is done and not what comes out.
WITHOUT_EFFECT = {"memory_mb", "gpu_memory_mb"}


@dataclass(frozen=True)
class Fitted:
    """A fitted network with the weights of its best epoch.

    Attributes:
        weights: of the best epoch.
        rows: the metrics of each epoch.
        best_epoch: from 0.
        build: makes the network that takes the weights, in float32.
        checkpoint: the state after the last epoch, on disk; None when none was asked for.
    """

    weights: Arrays
    rows: tuple[dict[str, float], ...]
    best_epoch: int
    build: Callable[[], Any]
    checkpoint: Checkpoint | None = None

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the best epoch."""
        return self.rows[self.best_epoch]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.size for weight in self.weights)

    def weights_digest(self) -> str:
        """Identity of the weights; a .keras file holds dates and differs each time."""
        return archive.weights_digest(self.weights)

    @cached_property
    def model(self) -> Any:
        """uint8 (n, h, w, c) -> float32 (n, classes), in float32 whatever the fit computed in; made when asked for."""
        made = self.build()
        made.set_weights(self.weights)
        return made

    def save(self, path: Path) -> None:
        """Write the model as a .keras archive, whole."""
        archive.save(self.model, path)

    def settle(self) -> None:
        """All that came of the fit is safe: remove its checkpoint."""
        if self.checkpoint is not None:
            self.checkpoint.remove()


def fit(
    params: Params,
    setting: FitContext,
    *,
    seed: int,
    epochs: int | None = None,
    on_epoch: EpochHook | None = None,
    checkpoints: Path | None = None,
) -> Fitted:
    """Train the network that `params` describe.

    Args:
        params: sections `model` and `train` count.
        setting: devices and data.
        seed: of weights, order, dropout and augmentation; the same seed gives the same weights on the same machine,
            whether the images stream or not, and whether the fit was interrupted or not.
        epochs: instead of `train.epochs`, and then without early stopping; for trials.
        on_epoch: called after each epoch, and for each epoch of an interrupted fit that is taken up again; what it
            raises ends the fit.
        checkpoints: folder for the state after each epoch, from which the same fit goes on after a kill.

    Raises:
        TrainingError: data and network do not go together, or the loss is not finite.
    """
    train, total = setting.train.split, epochs or params.train.epochs
    check(params, train, setting.val)
    import_keras().utils.set_random_seed(seed)
    make = partial(build, params, train.image_shape, len(train.classes), project=setting.project)
    with setting.scope():
        network = make(policy=setting.device.policy)
        trainer = Trainer(params.train, setting.device, network, setting.train, epochs=total, seed=seed)
    # Prediction on several devices would give every image to each of them.
    alone = make().model if setting.strategy else None
    course = Validation(
        alone or network.model,
        setting.val,
        label_smoothing=params.train.label_smoothing,
        patience=params.train.patience if epochs is None else total,
        hook=on_epoch,
        trained=trainer.weights if alone else None,
    )
    checkpoint = Checkpoint(checkpoints, _identity(params, setting, seed, total)) if checkpoints else None
    if checkpoint:
        _take_up(checkpoint, trainer, course)

    def fitted() -> Fitted:
        return Fitted(course.best, tuple(course.rows), course.best_epoch, lambda: make().model, checkpoint)

    if len(course.rows) < total and not course.hopeless:
        _run(trainer, course, checkpoint, fitted)
    return fitted()


def _take_up(checkpoint: Checkpoint, trainer: Trainer, course: Validation) -> None:
    state = checkpoint.load(trainer.shapes)
    if state is not None:
        log.info("going on after epoch %d, where this fit was interrupted", len(state.rows))
        trainer.state = state.network, state.optimizer
        course.take_up(state)


def _run(trainer: Trainer, course: Validation, checkpoint: Checkpoint | None, fitted: Callable[[], Fitted]) -> None:
    def after_epoch() -> None:
        if checkpoint:
            checkpoint.save(FitState(course.rows, course.best_epoch, course.best, *trainer.state))

    try:
        trainer.run(course, after_epoch=after_epoch)
    except TrainingError as error:
        if checkpoint is None or not course.rows:
            raise
        kept = checkpoint.path.with_suffix(".keras")
        fitted().save(kept)
        raise TrainingError(
            f"{error.problem}; the weights of epoch {course.best_epoch + 1} are kept in {kept}", fix=error.fix
        ) from error


def _identity(params: Params, setting: FitContext, seed: int, epochs: int) -> Any:
    """All that the result of a fit depends on."""
    return {
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "seed": seed,
        "epochs": epochs,
        "data": [setting.train.split.digest, setting.val.digest],
        "device": [setting.device.name, setting.device.precision, setting.device.xla, hardware.threads()],
        "code": code_digest(params.model.kind, setting.project),
        "versions": [version("keras"), version(import_keras().backend.backend())],
    }
