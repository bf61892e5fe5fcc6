"""The model card: what a model is, what it was made of, how good it is and where it fails, from measured facts alone.

Its sections are those that the model-card paper (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019) and
Hugging Face's template agree on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from glyphline.evaluation import card_sections
from glyphline.evaluation.card_sections import MOST_CLASSES, plain
from glyphline.evaluation.explanations import Explanations
from glyphline.journal.run_origin import RunOrigin
from glyphline.records import Cost, Evaluation, Training


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a model card is written from.

    Attributes:
        trained: the record of the train stage.
        scores: the record of the evaluate stage.
        cost: size and latency of the model.
        licence: of the images.
        citation: whom to name for the images; empty where nobody is known.
        origin: of the run that trained the model.
        explanations: of the images that are drawn with them.
        bad_files: files of the data set that were left out because they are no images.
    """

    trained: Training
    scores: Evaluation
    cost: Cost
    licence: str
    citation: str
    origin: RunOrigin
    explanations: Sequence[Explanations]
    bad_files: int = 0


def markdown(facts: CardFacts) -> str:
    """The card; the most important sections come first, because some places show only the beginning."""
    trained, scores = facts.trained, facts.scores
    sections = (
        ("", _summary(trained, scores)),
        ("Intended use", _use(scores)),
        ("How to load it", _load()),
        ("Metrics", card_sections.metrics(scores)),
        ("Limits", card_sections.limits(scores, facts.explanations)),
        ("Where it fails", card_sections.failures(scores)),
        ("Data", card_sections.data(trained, scores, facts.licence, facts.citation, facts.bad_files)),
        ("Training", card_sections.training(trained, facts.origin)),
        ("Compute", card_sections.compute(trained, facts.cost, facts.origin)),
        ("Lineage", card_sections.lineage(trained, scores, facts.origin)),
    )
    return "\n\n".join(f"## {title}\n{text}" if title else text for title, text in sections) + "\n"


def run_description(scores: Evaluation) -> str:
    """A few lines for the top of the run's page."""
    corrupted = "" if scores.corruption_accuracy is None else f"; {scores.corruption_accuracy:.4f} on corrupted images"
    return (
        f"{_accuracy(scores)}{corrupted}. Worst class `{plain(scores.worst_class)}`: recall"
        f" {scores.worst_class_recall:.4f}.\n\nUnder Artifacts: `model_card.md`, `figures/`. Paired tests against"
        " another model: `glyphline compare`."
    )


def _summary(trained: Training, scores: Evaluation) -> str:
    return (
        f"# {scores.dataset}: image classifier\n{_accuracy(scores)}. A network with {trained.parameters:,} parameters"
        f" that tells {len(scores.classes)} classes apart, trained by Glyphline with Keras on TensorFlow."
    )


def _accuracy(scores: Evaluation) -> str:
    return (
        f"Test accuracy **{scores.accuracy:.4f}** (95 % interval {scores.accuracy_low:.4f} to"
        f" {scores.accuracy_high:.4f}, {scores.correct:,} of {scores.count:,} images)"
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
        "# or models:/NAME/VERSION\n"
        'model = glyphline.load("models:/NAME@champion")\n'
        "probabilities = model.predict(images)  # images: uint8 (n, h, w, c)\n```\n\n"
        "`mlflow.keras.load_model` takes the same names, from anywhere, and checks nothing."
    )
