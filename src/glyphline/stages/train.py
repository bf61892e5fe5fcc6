"""train: fit the network with the winner's parameters."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from glyphline import data, epoch_history, files, journal, records, training
from glyphline import params as parameters
from glyphline.journal.run_events import WEIGHTS_TAG, WEIGHTS_TAG_CHARACTERS
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best, Training
from glyphline.training import Device, Fitted
from glyphline.values import Split

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths, launch: journal.Launch) -> None:
    """Fit, keep the weights of the best epoch; leave the model, its parameters, its history and its run's journal."""
    best = records.read(paths.best, Best, stage="tune")
    used = parameters.overlay(params, best.values)
    _say_what_the_search_changed(params.flat(), best)
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    with journal.record(params, paths, stage="train", launch=launch) as recorder:
        tracked = recorder.start(experiment=params.data.dataset, tags={"glyphline.data": train.digest[:12]})
        tracked.params(used.flat())
        for split, context in ((train, "training"), (val, "validation")):
            tracked.input(split, context=context, dataset=params.data.dataset)
        folders = training.FeatureFolders(paths.features, paths.backbone)
        fit_context = training.prepare(used, train, val, project=paths.work, features=folders)
        log.info("training on %s", fit_context.device)
        log.info("%s", _steps(used, len(train)))
        for shortcoming in training.shortcomings(used.train, train.class_counts):
            log.warning("warning: %s\nfix: %s", shortcoming.problem, shortcoming.fix)
        tracked.tags(fit_context.tags())
        began = time.monotonic()

        def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
            tracked.metrics(metrics, step=epoch + 1)
            log.info(
                "epoch %d of %d: val_accuracy %.4f, val_loss %.4f, %.1f s",
                epoch + 1,
                used.train.epochs,
                metrics["val_accuracy"],
                metrics["val_loss"],
                time.monotonic() - began,
            )

        fitted = training.fit(used, fit_context, seed=params.seed, on_epoch=on_epoch, checkpoints=paths.checkpoints)
        fitted.save(paths.model)
        files.write_text(paths.trained_params, _trained_params(used))
        epoch_history.write(
            paths.history, [{"epoch": epoch} | row for epoch, row in enumerate(fitted.history, start=1)]
        )
        trained = _training(used, fitted, fit_context.device, train, val, model_sha256=files.sha256(paths.model))
        records.write(paths.training, trained)
        _warn_of_a_weak_model(used, train, val, fitted)
        tracked.metrics({"best_val_loss": trained.val_loss, "best_val_accuracy": trained.val_accuracy}, step=0)
        tracked.metrics({"parameters": trained.parameters, "best_epoch": trained.best_epoch}, step=0)
        tracked.tags({WEIGHTS_TAG: trained.weights_digest[:WEIGHTS_TAG_CHARACTERS]})
        tracked.artifact(paths.training)
        tracked.artifact(paths.history)
        tracked.model(paths.model, image_shape=train.image_shape, classes=train.classes)
        tracked.end("FINISHED")
    fitted.remove_checkpoint()


def _say_what_the_search_changed(given: Mapping[str, Any], best: Best) -> None:
    changed = [f"{key} {value} instead of {given[key]}" for key, value in best.values.items() if value != given[key]]
    if changed:
        log.info(
            "the winner of the search, trial %s, is trained: %s; `glyphline adopt` writes it into params.yaml, "
            "`-S tune.trials=0` trains params.yaml as it is",
            best.trial,
            ", ".join(changed),
        )


def _steps(used: Params, images: int) -> str:
    epochs, steps = used.train.epochs, used.train.steps_per_epoch(images)
    return f"{epochs * steps:,} steps in all (epochs {epochs:,}, steps of each {steps:,}, images {images:,})"


def _warn_of_a_weak_model(used: Params, train: Split, val: Split, fitted: Fitted) -> None:
    # A fit that weighs the classes gives up some of the largest class for the rest.
    is_balanced = used.train.class_weight == "balanced"
    score = fitted.balanced_accuracy(val) if is_balanced else fitted.best_metrics["val_accuracy"]
    weakness = training.weakness(train, val, score, is_balanced=is_balanced)
    if weakness is not None:
        log.warning(
            "warning: the model %s %.4f %s the validation images, and %s\n"
            "fix: raise train.epochs or lower train.batch_size (it had %s), or try another train.learning_rate",
            "has a balanced accuracy of" if is_balanced else "is right on",
            score,
            "on" if is_balanced else "of",
            weakness,
            _steps(used, len(train)),
        )


def _trained_params(used: Params) -> str:
    """What DVC shows beside params.yaml, where a searched parameter has another value."""
    sections = used.model_dump(mode="json", include={"seed", "model", "train"})
    return json.dumps(sections, indent=2) + "\n"


def _training(
    params: Params, fitted: Fitted, device: Device, train: Split, val: Split, *, model_sha256: str
) -> Training:
    return Training(
        dataset=params.data.dataset,
        params=params.flat(),
        weights_digest=fitted.weights_digest(),
        parameters=fitted.parameters,
        epochs=len(fitted.history),
        best_epoch=fitted.best_epoch + 1,
        val_loss=fitted.best_metrics["val_loss"],
        val_accuracy=fitted.best_metrics["val_accuracy"],
        val_count=len(val),
        class_counts={split.name: split.class_counts for split in (train, val)},
        train_digest=train.digest,
        val_digest=val.digest,
        device=device.name,
        precision=device.precision,
        xla=device.xla,
        why=device.why,
        model_sha256=model_sha256,
    )
