"""evaluate: the only stage that opens the test split."""

import json
import logging

from glyphline import data, evaluation, history, records, tracking, training
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Cost, Training

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Score the model on the test split; leave numbers, tables and figures, and add them to the run of the model."""
    trained = records.read(paths.training, Training, stage="train")
    test = data.load(paths.split("test"))
    with tracking.record(params, paths, stage="evaluate") as recorder:
        tracked = recorder.resume(tracking.last_key(paths.journal("train")))
        tracked.input(test, context="test", dataset=params.data.dataset)
        model = training.open_classifier(
            paths.model, test, batch_size=params.evaluate.batch_size, deterministic=params.train.deterministic
        )
        seen = evaluation.examine(test, model.probabilities, model.gradients, params.evaluate)
        scores = evaluation.write(
            paths.evaluate,
            seen,
            params.evaluate,
            history=history.read(paths.history),
            best_epoch=trained.best_epoch,
            dataset=params.data.dataset,
            weights_digest=model.weights_digest,
        )
        cost = Cost(
            device=str(model.device),
            parameters=model.parameters,
            model_bytes=model.size_bytes,
            latency=evaluation.latency.measure(test.images, model.probabilities),
        )
        records.write(paths.cost, cost)
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
        tracked.metrics(
            {"model_bytes": cost.model_bytes}
            | {f"latency_{speed.batch}_ms": 1000 * speed.median_s for speed in cost.latency}
        )
        for figure in sorted((paths.evaluate / "figures").glob("*.png")):
            tracked.artifact(figure, folder="figures")
        tracked.artifact(paths.evaluation)
        tracked.artifact(paths.predictions)
        tracked.artifact(paths.cost)
        tracked.end("FINISHED")
