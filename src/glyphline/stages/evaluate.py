"""evaluate: the only stage that opens the test split."""

import logging

from glyphline import data, epoch_history, evaluation, files, journal, records, training
from glyphline.data import catalogue
from glyphline.evaluation import ModelOutputs, card
from glyphline.journal import Run
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.preload_process import preload_process
from glyphline.records import Cost, Evaluation, Training

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths, launch: journal.Launch) -> None:
    """Examine the model on the test split; leave numbers, tables, figures and the card, and add them to its run."""
    test = data.load(paths.split("test"))
    # TensorFlow answers in this process; what writes the answers up has large libraries too, and loads them meanwhile.
    with (
        journal.record(params, paths, stage="evaluate", launch=launch) as recorder,
        preload_process(evaluation.load_libraries) as other,
    ):
        tracked = recorder.resume(journal.last_key(paths.journal("train")))
        tracked.input(test, context="test", dataset=params.data.dataset)
        model = training.open_classifier(
            paths.model,
            test,
            batch_size=params.evaluate.batch_size,
            deterministic=params.train.deterministic,
            gpu_memory_mb=params.train.gpu_memory_mb,
        )
        seen = evaluation.collect_outputs(test, model.probabilities, model.gradients, params.evaluate)
        cost = Cost(
            device=model.device,
            parameters=model.parameters,
            model_bytes=model.size_bytes,
            latency=evaluation.latency.measure(test.images, model.probabilities),
        )
        scores = other.call(_write, params, paths, seen, cost, model.weights_digest)
        _say(scores)
        _track(tracked, paths, scores, cost)


def _write(params: Params, paths: Paths, seen: ModelOutputs, cost: Cost, weights_digest: str) -> Evaluation:
    trained = records.read(paths.training, Training, stage="train")
    scores = evaluation.write(
        paths.evaluate,
        seen,
        params.evaluate,
        history=epoch_history.read(paths.history),
        best_epoch=trained.best_epoch,
        dataset=params.data.dataset,
        weights_digest=weights_digest,
    )
    records.write(paths.cost, cost)
    why = (seen.why_mistakes, seen.why_examples)
    facts = card.CardFacts(trained, scores, cost, _source(params), _origin(paths), why)
    files.write_text(paths.model_card, card.write_up(facts))
    return scores


def _say(scores: Evaluation) -> None:
    log.info(
        "test accuracy %.4f (%d of %d; 95 %% interval %.4f to %.4f)",
        scores.accuracy,
        scores.correct,
        scores.count,
        scores.accuracy_low,
        scores.accuracy_high,
    )


def _source(params: Params) -> card.DatasetSource:
    if params.data.path is not None:
        return card.DatasetSource(licence="the owner of the images knows", citation="")
    known = catalogue.find(params.data.dataset)
    return card.DatasetSource(licence=known.licence, citation=known.citation)


def _origin(paths: Paths) -> card.RunOriginFacts:
    made = journal.origin(paths.journal("train"))
    return card.RunOriginFacts(run_key=made.key, name=made.name, seconds=made.seconds, facts=made.facts)


def _track(tracked: Run, paths: Paths, scores: Evaluation, cost: Cost) -> None:
    tracked.metrics(evaluation.on_the_run(scores))
    tracked.metrics({f"latency_{speed.batch}_ms": 1000 * speed.median_s for speed in cost.latency})
    tracked.metrics({"model_bytes": cost.model_bytes})
    for figure in sorted((paths.evaluate / "figures").glob("*.png")):
        tracked.artifact(figure, folder="figures")
    for path in (paths.evaluation, paths.predictions, paths.cost, paths.model_card):
        tracked.artifact(path)
    tracked.describe(card.note(scores))
    tracked.end("FINISHED")
