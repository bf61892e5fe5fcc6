"""Everything that a model is asked about a split, in one go; tables, figures and card are made of the answers."""

from dataclasses import dataclass

import numpy as np

from glyphline.evaluation import corruptions, slices
from glyphline.evaluation.answers import Answer, examples, worst_mistakes
from glyphline.evaluation.explanations import Explanations, explain
from glyphline.params.schema import EvaluateParams
from glyphline.records import CorruptionScore, SliceScore
from glyphline.values import Gradients, Predict, Probs, Split

MOST_EXAMPLES = 24


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """What a model said of a split.

    Attributes:
        split: what it was asked about.
        probs: float32 (n, classes), softmax output for `split.images`.
        slices: accuracy on parts of the split.
        corruptions: accuracy on spoiled images; empty when that is switched off.
        mistakes: all of them, the worst first.
        examples: one right answer per class.
        why_mistakes: explains the mistakes that are shown; None when that is switched off or there are none.
        why_examples: explains the examples.
    """

    split: Split
    probs: Probs
    slices: tuple[SliceScore, ...] = ()
    corruptions: tuple[CorruptionScore, ...] = ()
    mistakes: tuple[Answer, ...] = ()
    examples: tuple[Answer, ...] = ()
    why_mistakes: Explanations | None = None
    why_examples: Explanations | None = None


def collect_outputs(split: Split, predict: Predict, gradients: Gradients, params: EvaluateParams) -> ModelOutputs:
    """Ask a model everything.

    Args:
        split: with its labels, the truth.
        predict: the model.
        gradients: of its probabilities.
        params: how much to ask.

    Raises:
        DataError: what the model gives are no probabilities for this split.
    """
    probs = predict(np.asarray(split.images))
    wrong = worst_mistakes(probs, split.labels)
    right = examples(probs, split.labels, MOST_EXAMPLES)

    def why(answers: tuple[Answer, ...]) -> Explanations | None:
        if not answers or not params.explanation_steps:
            return None
        images = np.stack([split.images[answer.index] for answer in answers])
        classes = np.array([answer.predicted for answer in answers])
        return explain(images, classes, predict, gradients, steps=params.explanation_steps)

    return ModelOutputs(
        split=split,
        probs=probs,
        slices=slices.measure(split, probs, params.slices),
        corruptions=corruptions.measure(split, predict, images=params.corruption_images),
        mistakes=wrong,
        examples=right,
        why_mistakes=why(wrong[: params.mistakes]),
        why_examples=why(right),
    )
