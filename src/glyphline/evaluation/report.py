"""All that is written about one evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from glyphline import records
from glyphline.evaluation import predictions, tables
from glyphline.evaluation.calibration import reliability
from glyphline.evaluation.classes import confusion
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.mistakes import worst_mistakes
from glyphline.records import Evaluation
from glyphline.values import Probs, Split


def write(
    folder: Path,
    *,
    split: Split,
    probs: Probs,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    bins: int,
    mistakes: int,
    dataset: str,
    weights_digest: str,
) -> Evaluation:
    """Judge the predictions for a split; write the record, the tables and the figures, each file whole.

    The same input gives the same bytes. On two cores 360 digits take about 2 s, more than half of it matplotlib's
    import.

    Args:
        folder: gets evaluation.json, metrics.json, predictions.npz, predictions.csv, calibration.csv, per_class.csv and
            figures/{confusion_matrix,learning_curves,reliability,per_class,mistakes}.png.
        split: what was predicted.
        probs: float32 (n, classes), softmax output for `split.images`.
        history: one row per epoch of the fit, with loss, accuracy, val_loss and val_accuracy.
        best_epoch: the epoch whose weights the model has, from 0.
        bins: confidence bins of the calibration error.
        mistakes: how many of the worst mistakes to draw, at most.
        dataset: name of the data set.
        weights_digest: of the model that predicted.

    Raises:
        DataError: `probs` are no probabilities for this split, or `history` lacks a column or the best epoch.
    """
    kept = predictions.Predictions(probs, split.labels, split.classes, split.digest, weights_digest)
    evaluation = measure(
        split,
        probs,
        bins=bins,
        dataset=dataset,
        weights_digest=weights_digest,
        predictions_sha256=predictions.write(folder / predictions.FILE, kept),
    )
    predicted = probs.argmax(axis=1)
    bin_table = reliability(probs, split.labels, bins)
    wrong = worst_mistakes(probs, split.labels)

    # Here and not above: matplotlib takes more than a second to import, and numbers alone do not need it.
    from glyphline.evaluation import figures

    counts = confusion(split.labels, predicted, len(split.classes))
    figures.write(
        folder / "figures",
        {
            "confusion_matrix": lambda: figures.confusion(counts, split.classes),
            "learning_curves": lambda: figures.curves(history, best_epoch),
            "reliability": lambda: figures.reliability(bin_table, bins),
            "per_class": lambda: figures.per_class(evaluation.classes),
            "mistakes": lambda: figures.mistakes(split, wrong, limit=mistakes),
        },
    )
    tables.write_predictions(folder / "predictions.csv", split.labels, predicted, split.classes)
    tables.write_calibration(folder / "calibration.csv", bin_table)
    tables.write_classes(folder / "per_class.csv", evaluation)
    tables.write_metrics(folder / "metrics.json", evaluation)
    records.write(folder / "evaluation.json", evaluation)
    return evaluation
