"""evaluate: the only stage that opens the test split."""

import json
import logging

from glyphline import data, evaluation, history, records, tracking, training
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Training

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Score the model on the test split; leave numbers, tables and figures, and add them to the run of the model."""
    trained = records.read(paths.training, Training, stage="train")
    test = data.load(paths.split("test"))
    with tracking.record(params, paths, stage="evaluate") as recorder:
        tracked = recorder.resume(tracking.last_key(paths.journal("train")))
        tracked.input(test, context="test", dataset=params.data.dataset)
        seen = training.predict(
            paths.model,
            test,
            batch_size=params.evaluate.batch_size,
            deterministic=params.train.deterministic,
            gpu_memory_mb=params.train.gpu_memory_mb,
        )
        scores = evaluation.write(
            paths.evaluate,
            split=test,
            probs=seen.probs,
            history=history.read(paths.history),
            best_epoch=trained.best_epoch,
            bins=params.evaluate.calibration_bins,
            mistakes=params.evaluate.mistakes,
            dataset=params.data.dataset,
            weights_digest=seen.weights_digest,
        )
        log.info(
            "test accuracy %.4f (%d of %d; 95 %% interval %.4f to %.4f)",
            scores.accuracy,
            scores.correct,
            scores.count,
            scores.accuracy_low,
            scores.accuracy_high,
        )
        flat = json.loads(paths.metrics.read_text(encoding="utf-8"))
        tracked.metrics({f"test_{name}": value for name, value in flat.items()}, step=0)
        for figure in sorted((paths.evaluate / "figures").glob("*.png")):
            tracked.artifact(figure, folder="figures")
        tracked.artifact(paths.evaluation)
        tracked.end("FINISHED")
