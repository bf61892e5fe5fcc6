"""The sections of a model card that are made of tables and lists, each as Markdown."""

from collections.abc import Iterable, Sequence

from glyphline import backbones
from glyphline.evaluation.explanations import Explanations
from glyphline.journal.run_origin import RunOrigin
from glyphline.params.model import PRETRAINED
from glyphline.records import ClassScore, Cost, Evaluation, SliceScore, Training

MOST_CLASSES = 10


def metrics(scores: Evaluation) -> str:
    """Metrics of all classes together, with the intervals that are known."""
    rows: list[tuple[str, float | None, tuple[float, float] | None]] = [
        ("accuracy", scores.accuracy, scores.accuracy_interval),
        ("balanced accuracy", scores.balanced_accuracy, scores.balanced_accuracy_interval),
        ("macro F1", scores.macro_f1, scores.macro_f1_interval),
        ("weighted F1", scores.weighted_f1, None),
        ("log loss (nats)", scores.log_loss, scores.log_loss_interval),
        ("Brier score", scores.brier_score, None),
        ("expected calibration error", scores.calibration_error, None),
        ("adaptive calibration error", scores.adaptive_calibration_error, None),
        ("area under risk-coverage", scores.risk_coverage_area, None),
    ]
    if scores.top_k is not None:
        rows.insert(1, (f"top-{scores.top_k} accuracy", scores.top_k_accuracy, None))
    return table(
        ("metric", "value", "95 % interval"),
        ((name, decimals(value), f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "") for name, value, ends in rows),
    )


def failures(scores: Evaluation) -> str:
    """The worst classes, the slices and the corruptions."""
    with_images = [score for score in scores.classes if score.recall is not None]
    # By recall, as the line above the table and the gate.
    worst = sorted(with_images, key=lambda score: score.recall or 0.0)[:MOST_CLASSES]
    text = (
        f"Worst class: `{plain(scores.worst_class)}`, recall {scores.worst_class_recall:.4f},"
        f" {scores.class_gap:.4f} less than the best.\n\n"
    )
    text += table(("class, lowest recall first", "recall", "precision", "F1", "images"), map(_class_row, worst))
    if scores.slices:
        text += "\n\n" + table(
            ("slice", "accuracy", "95 % interval", "images"),
            map(_slice_row, scores.slices),
        )
    if scores.corruptions:
        text += f"\n\nCorrupted images, mean accuracy {decimals(scores.corruption_accuracy)}; by severity:\n\n"
        text += table(("corruption", "1", "2", "3", "4", "5"), _corruption_rows(scores))
    return text


def _corruption_rows(scores: Evaluation) -> Iterable[Sequence[str]]:
    for name in dict.fromkeys(score.name for score in scores.corruptions):
        yield name, *(f"{score.accuracy:.3f}" for score in scores.corruptions if score.name == name)


def _slice_row(score: SliceScore) -> Sequence[str]:
    low, high = score.accuracy_interval
    return f"{score.name} {score.part}", decimals(score.accuracy), f"{low:.4f} to {high:.4f}", f"{score.count:,}"


def _class_row(score: ClassScore) -> Sequence[str]:
    rates = (score.recall, score.precision, score.f1)
    return f"`{plain(score.name)}`", *map(decimals, rates), f"{score.count:,}"


def limits(scores: Evaluation, explanations: Sequence[Explanations]) -> str:
    """What the metrics do not measure, and where they are low."""
    lines = [
        f"- Measured on {scores.count:,} images of one source, one seed. Other sources need a test of their own.",
        f"- Confidence is off by {100 * scores.calibration_error:.2f} percentage points on average.",
    ]
    if absent := [score.name for score in scores.classes if not score.count]:
        lines.append(f"- No test image of {', '.join(map(plain, absent[:MOST_CLASSES]))}: nothing is known about them.")
    if scores.corruptions:
        weakest = min(scores.corruptions, key=lambda score: score.accuracy)
        lines.append(f"- Weakest under {weakest.name} of severity {weakest.severity}: {weakest.accuracy:.3f}.")
    agreements = [value for part in explanations for value in part.agreements if value is not None]
    if agreements:
        mean = sum(agreements) / len(agreements)
        lines.append(
            f"- Explanations are hints: integrated gradients and occlusion agree with a rank correlation of {mean:.2f}"
            f" over {len(agreements)} images."
        )
    return "\n".join(lines)


def data(trained: Training, scores: Evaluation, licence: str, citation: str, bad_files: int) -> str:
    """Where the images come from, under which licence, by which digests they are known, and what was left out."""
    cited = f"\n- cite: {citation}" if citation else ""
    counts = trained.class_counts.get("train", {})
    classes = f"\n- training images of a class: {min(counts.values()):,} to {max(counts.values()):,}" if counts else ""
    left_out = f"\n- files left out because they could not be read as images: {bad_files:,}" if bad_files else ""
    train, val, test = (digest[:12] for digest in (trained.train_digest, trained.val_digest, scores.test_digest))
    return (
        f"- {scores.dataset}; licence: {licence}{cited}\n"
        f"- training split `{train}`, validation split `{val}`"
        f" ({trained.val_count:,} images), test split `{test}` ({scores.count:,} images){classes}{left_out}\n"
        "- chosen on the validation split: the parameters, where they were searched, and the epoch of the weights; the"
        " gate decides on the test split which version becomes champion, and counts its comparisons there"
    )


def training(trained: Training, origin: RunOrigin) -> str:
    """How the model was fitted: epochs, seed and every parameter."""
    params = {key: value for key, value in sorted(trained.params.items()) if key.startswith(("model.", "train."))}
    return (
        f"{trained.epochs} epochs, the weights of epoch {trained.best_epoch}; validation accuracy"
        f" {trained.val_accuracy:.4f}, loss {trained.val_loss:.4f}; seed {origin.facts.get('seed', 'unknown')}.\n\n"
        + _backbone(trained)
        + "\n".join(f"- `{key}`: {value}" for key, value in params.items())
    )


def _backbone(trained: Training) -> str:
    """Whose weights the model contains, and under which licence; empty where it learned from nothing."""
    if trained.params.get("model.kind") != PRETRAINED:
        return ""
    name, tuned = str(trained.params.get("model.backbone")), trained.params.get("train.tune_backbone", "none")
    learned = {"none": "was not changed", "all": "learned on with the head"}.get(
        tuned, f"learned on with the head in its last {tuned} layers"
    )
    known = backbones.CATALOGUE.get(name)
    if known is None:
        return f"A head on the features of {name}, a network of one's own, which {learned}.\n\n"
    return (
        f"A head on the features of {known.name}, which has seen ImageNet and {learned}; licence of its weights:"
        f" {known.licence}; cite: {known.citation}.\n\n"
    )


def compute(trained: Training, cost: Cost, origin: RunOrigin) -> str:
    """Time of the training, size and latency of the model."""
    duration = "unknown" if origin.seconds is None else f"{origin.seconds:.1f} s"
    where = f"{trained.device} ({origin.facts.get('cores', '?')} cores), {trained.precision}"
    lines = [
        f"- training run: {duration} on {where}; energy was not measured",
        f"- size: {cost.model_bytes:,} bytes, {cost.parameters:,} parameters",
    ]
    lines += [
        f"- latency in batches of {speed.batch}: median {1000 * speed.median_s:.3f} ms, p99 {1000 * speed.p99_s:.3f} ms"
        f" per image ({cost.device}, {speed.calls} calls)"
        for speed in cost.latency
    ]
    return "\n".join(lines)


def lineage(trained: Training, scores: Evaluation, origin: RunOrigin) -> str:
    """The run, code, data and files that the model was made from."""
    git = origin.facts.get("git", {})
    state = "" if not git.get("commit") else ", with uncommitted changes" if git.get("dirty") else ", clean"
    facts = {
        "run": f"{origin.name}, key {origin.key}",
        "git commit": f"{git.get('commit') or 'not under version control'}{state}",
        "DVC experiment": origin.facts.get("dvc_experiment"),
        "weights SHA-256": scores.weights_digest,
        "model SHA-256": trained.model_sha256,
        "predictions SHA-256": scores.predictions_sha256,
        "lock file SHA-256": origin.facts.get("lock_file_sha256"),
        "Python": origin.facts.get("python"),
    }
    lines = [f"- {name}: `{value}`" for name, value in facts.items() if value]
    return "\n".join([*lines, "- MD5 of every dependency and output: `lineage.json` of the run"])


def decimals(value: float | None) -> str:
    """A rate with four decimals, or `not defined`."""
    return "not defined" if value is None else f"{value:.4f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(name: str) -> str:
    """A name without the characters that end a table cell or a code span."""
    return " ".join(name.split()).replace("|", "/").replace("`", "'")
