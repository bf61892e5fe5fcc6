"""Fit one network: the result depends on its parameters, the seed and the data alone."""

import logging
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glyphline import cores
from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.training import heads
from glyphline.training.checkpoint import Arrays, Checkpoint, FitState
from glyphline.training.checks import check_data
from glyphline.training.code_digest import code_digest
from glyphline.training.fine_tuning import set_heads
from glyphline.training.fit_context import FitContext, head_context
from glyphline.training.fitted import VALIDATION_BATCH, Fitted
from glyphline.training.heads import FeatureContext
from glyphline.training.keras_import import import_keras
from glyphline.training.prediction import probabilities
from glyphline.training.trainer import Trainer
from glyphline.training.validation import Validation
from glyphline.values import EpochHook, Probs

log = logging.getLogger(__name__)

# Fields of the section `train` that change how the fit runs and not its result.
WITHOUT_EFFECT = {"memory_mb", "gpu_memory_mb"}


def fit(
    params: Params,
    context: FitContext | FeatureContext,
    *,
    seed: int,
    epochs: int | None = None,
    on_epoch: EpochHook | None = None,
    checkpoints: Path | None = None,
) -> Fitted:
    """Train the network that `params` describe.

    Args:
        params: sections `model` and `train` count.
        context: devices and data, or features that were computed before.
        seed: of weights, order, dropout and augmentation; the same seed gives the same weights on the same machine,
            whether the images stream or not, and whether the fit was interrupted or not.
        epochs: instead of `train.epochs`, and then without early stopping; for trials.
        on_epoch: called after each epoch, and for each epoch of an interrupted fit that is resumed; what it raises
            ends the fit.
        checkpoints: folder for the state after each epoch, from which the same fit goes on after a kill.

    Raises:
        TrainingError: data and network do not go together, or the loss is not finite.
    """
    if features := head_context(params, context):
        # Shorter than the writing of a checkpoint: it begins anew.
        return heads.fit(params, features, seed=seed, epochs=epochs, on_epoch=on_epoch)
    assert isinstance(context, FitContext)
    train, total = context.train.split, epochs or params.train.epochs
    check_data(params, train, context.val)
    import_keras().utils.set_random_seed(seed)
    make = partial(context.network, params)
    with context.scope():
        network = make(policy=context.device.policy)
        # The first epoch of a whole pretrained network is that of its heads: where the backbone learns nothing better
        # afterwards, they are the result.
        first = set_heads(network, params, context.features, seed=seed) if context.features else None
        before = 1 if first else 0
        trainer = Trainer(params.train, context.device, network, context.train, epochs=total, before=before, seed=seed)
    # Prediction on several devices would give every image to each of them.
    validated = make().model if context.strategy else network.model

    def predict() -> Probs:
        if validated is not network.model:
            validated.set_weights(trainer.weights())
        return probabilities(validated, context.val.images, VALIDATION_BATCH)

    validation = Validation(
        context.val.labels,
        predict=predict,
        weights=validated.get_weights,
        label_smoothing=params.train.label_smoothing,
        patience=params.train.patience if epochs is None else total,
        hook=on_epoch,
    )
    checkpoint = Checkpoint(checkpoints, _identity(params, context, seed, total)) if checkpoints else None
    if checkpoint:
        _resume(checkpoint, trainer, validation)
    if first and not validation.history:
        validation.end_epoch(*first)

    def with_weights(weights: Arrays) -> Any:
        model = make().model
        model.set_weights(weights)
        return model

    def fitted() -> Fitted:
        best = validation.best_weights, tuple(validation.history), validation.best_epoch
        return Fitted(*best, with_weights, checkpoint=checkpoint)

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
        "backbone": context.features and context.features.backbone_tags(),
        "versions": [version("keras"), backend, version(backend)],
    }
