"""evaluate: the only stage that opens the test split."""

import logging

from glyphline import data, epoch_history, evaluation, files, journal, records, training
from glyphline.data import catalogue, store
from glyphline.evaluation import EvaluationResults, card
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.preload_process import preload_process
from glyphline.records import Cost, Evaluation, SplitManifest, Training

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths, launch: journal.Launch) -> None:
    """Evaluate the model on the test split; write metrics, tables, figures and the card, and add them to its run."""
    test = data.load(paths.split("test"))
    journal.check_recorded(paths.journal("train"), paths.model, paths.training, paths.history)
    # TensorFlow predicts in this process; another one loads the large libraries of the report meanwhile.
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
        results = evaluation.evaluate_model(test, model, params.evaluate)
        cost = evaluation.measure_cost(model, test.images)
        _add_to_run(tracked, paths, other.call(_write, params, paths, results, cost), cost)


def _write(params: Params, paths: Paths, results: EvaluationResults, cost: Cost) -> Evaluation:
    trained, history = records.read(paths.training, Training, stage="train"), epoch_history.read(paths.history)
    scores = evaluation.write_report(
        paths, results, params, history=history, best_epoch=trained.best_epoch, class_counts=trained.class_counts
    )
    records.write(paths.cost, cost)
    licence, citation = catalogue.licence_and_citation(params.data.dataset, params.data.path)
    origin = journal.origin(paths.journal("train"))
    bad_files = records.read(paths.split("test") / store.MANIFEST, SplitManifest, stage="preprocess").bad_files
    facts = card.CardFacts(trained, scores, cost, licence, citation, origin, results.explanations, bad_files)
    files.write_text(paths.model_card, card.markdown(facts))
    return scores


def _add_to_run(run: journal.Run, paths: Paths, scores: Evaluation, cost: Cost) -> None:
    text = "test accuracy %.4f (%d of %d; 95 %% interval %.4f to %.4f)"
    log.info(text, scores.accuracy, scores.correct, scores.count, *scores.accuracy_interval)
    run.metrics(evaluation.run_metrics(scores))
    run.metrics({f"latency_{speed.batch}_ms": 1000 * speed.median_s for speed in cost.latency})
    run.metrics({"model_bytes": cost.model_bytes})
    for figure in sorted(paths.evaluation_figures.glob("*.png")):
        run.artifact(figure, folder="figures")
    for path in (paths.evaluation, paths.predictions, paths.cost, paths.model_card):
        run.artifact(path)
    run.describe(card.run_description(scores))
    run.end("FINISHED")
