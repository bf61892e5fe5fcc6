"""The model card: what a model is, what it was made of, how good it is and where it fails, from measured facts alone.

Its sections are those that the model-card paper (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019) and
Hugging Face's template agree on.
"""

from glyphline.evaluation import card_sections
from glyphline.evaluation.card_facts import CardFacts, DatasetSource, RunOriginFacts
from glyphline.evaluation.card_sections import MOST_CLASSES, plain
from glyphline.records import Evaluation, Training

__all__ = ["CardFacts", "DatasetSource", "RunOriginFacts", "note", "write_up"]


def write_up(facts: CardFacts) -> str:
    """The card as Markdown; the sections that say most come first, because some places show only the beginning."""
    trained, scores = facts.trained, facts.scores
    sections = (
        ("", _summary(trained, scores)),
        ("Intended use", _use(scores)),
        ("How to load it", _load()),
        ("Metrics", card_sections.metrics(scores)),
        ("Limits", card_sections.limits(scores, facts.why)),
        ("Where it fails", card_sections.failures(scores)),
        ("Data", card_sections.data(trained, scores, facts.source)),
        ("Training", card_sections.training(trained, facts.origin)),
        ("Compute", card_sections.compute(trained, facts.cost, facts.origin)),
        ("Lineage", card_sections.lineage(trained, scores, facts.origin)),
    )
    return "\n\n".join(f"## {title}\n{text}" if title else text for title, text in sections) + "\n"


def _summary(trained: Training, scores: Evaluation) -> str:
    return (
        f"# {scores.dataset}: image classifier\n"
        f"Test accuracy **{scores.accuracy:.4f}** (95 % interval {scores.accuracy_low:.4f} to"
        f" {scores.accuracy_high:.4f}, {scores.correct:,} of {scores.count:,} images). A network with"
        f" {trained.parameters:,} parameters that tells {len(scores.classes)} classes apart, trained by Glyphline with"
        " Keras on TensorFlow."
    )


def _use(scores: Evaluation) -> str:
    names = ", ".join(f"`{plain(score.name)}`" for score in scores.classes[:MOST_CLASSES])
    more = f" and {len(scores.classes) - MOST_CLASSES:,} more" if len(scores.classes) > MOST_CLASSES else ""
    return (
        f"To tell images like those of {scores.dataset} apart: {names}{more}. It always names one of its classes, also"
        " for an image that shows none of them. Not made for decisions about people."
    )


def _load() -> str:
    return (
        "In the project's folder; what was changed since it was registered is refused:\n\n"
        "```python\nimport glyphline\n"
        'model = glyphline.load("models:/NAME@champion")  # or models:/NAME/VERSION\n'
        "probabilities = model.predict(images)  # images: uint8 (n, h, w, c)\n```\n\n"
        "`mlflow.keras.load_model` takes the same names, from anywhere, and checks nothing."
    )


def note(scores: Evaluation) -> str:
    """A few lines for the top of the run's page."""
    corrupted = "" if scores.corruption_accuracy is None else f"; {scores.corruption_accuracy:.4f} on spoiled images"
    return (
        f"Test accuracy **{scores.accuracy:.4f}** (95 % interval {scores.accuracy_low:.4f} to"
        f" {scores.accuracy_high:.4f}, {scores.correct:,} of {scores.count:,} images){corrupted}. Worst class"
        f" `{plain(scores.worst_class)}`: {scores.worst_class_recall:.4f} found.\n\nUnder Artifacts: `model_card.md`,"
        " `figures/`. Paired tests against another model: `glyphline compare`."
    )
