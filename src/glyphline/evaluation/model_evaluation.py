"""Evaluate a model on a split: everything that needs the model itself, but for its cost.

The report (metrics, tables, figures, model card) is made of the results, without the model.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from glyphline.evaluation.corruptions import corruption_scores
from glyphline.evaluation.explanations import Explanations, explain
from glyphline.evaluation.image_predictions import ImagePrediction, class_examples, worst_mistakes
from glyphline.evaluation.projection import Projection, project
from glyphline.evaluation.slices import slice_scores
from glyphline.params.schema import EvaluateParams
from glyphline.records import CorruptionScore, SliceScore
from glyphline.scoring.predictions import Predictions
from glyphline.values import Features, Images, Labels, Pixels, Probs, Split

MOST_EXAMPLES = 24


class Model(Protocol):
    """A trained model, whatever library it runs on.

    Attributes:
        weights_digest: identity of its weights.
        device: where it computes.
        parameters: number of its weights.
        size_bytes: of its archive.
    """

    weights_digest: str
    device: str
    parameters: int
    size_bytes: int

    def probabilities(self, images: Images) -> Probs:
        """Softmax output, float32 (n, classes), for images uint8 (n, h, w, c)."""

    def features(self, images: Images) -> Features | None:
        """The inputs of its last layer, float32 (n, f); None where these are no features."""

    def gradients(self, images: Pixels, classes: Labels) -> Pixels:
        """Of the probability of one class per image, float32 (n, h, w, c)."""


@dataclass(frozen=True, slots=True)
class EvaluationResults:
    """What a model predicts for a split, and why.

    Attributes:
        split: the images and their labels.
        predictions: for every image of the split.
        slices: accuracy on parts of the split.
        corruptions: accuracy on corrupted images; empty when that is switched off.
        mistakes: all of them, the worst first.
        examples: one right prediction per class.
        mistake_explanations: of the mistakes that are drawn; None when that is switched off or there are none.
        example_explanations: of the examples.
        projection: of the features; None where the model has none.
    """

    split: Split
    predictions: Predictions
    slices: tuple[SliceScore, ...] = ()
    corruptions: tuple[CorruptionScore, ...] = ()
    mistakes: tuple[ImagePrediction, ...] = ()
    examples: tuple[ImagePrediction, ...] = ()
    mistake_explanations: Explanations | None = None
    example_explanations: Explanations | None = None
    projection: Projection | None = None

    @property
    def explanations(self) -> tuple[Explanations, ...]:
        """All that were made."""
        return tuple(made for made in (self.mistake_explanations, self.example_explanations) if made is not None)


def evaluate_model(split: Split, model: Model, params: EvaluateParams) -> EvaluationResults:
    """Evaluate a model on a split.

    Args:
        split: the images and their labels.
        model: it predicts once for all images, and again for those that are corrupted, explained or projected.
        params: how many images to corrupt and to explain, and the slices.

    Raises:
        DataError: the model's outputs are no probabilities for this split.
    """
    probs = model.probabilities(np.asarray(split.images))
    mistakes = worst_mistakes(probs, split.labels)
    examples = class_examples(probs, split.labels, MOST_EXAMPLES)

    def explained(selected: tuple[ImagePrediction, ...]) -> Explanations | None:
        if not selected or not params.explanation_steps:
            return None
        images = np.stack([split.images[one.index] for one in selected])
        classes = np.array([one.predicted for one in selected])
        return explain(images, classes, model.probabilities, model.gradients, steps=params.explanation_steps)

    return EvaluationResults(
        split=split,
        predictions=Predictions(probs, split.labels, split.classes, split.digest, model.weights_digest),
        slices=slice_scores(split, probs, params.slices),
        corruptions=corruption_scores(split, model.probabilities, images=params.corruption_images),
        mistakes=mistakes,
        examples=examples,
        mistake_explanations=explained(mistakes[: params.mistakes]),
        example_explanations=explained(examples),
        projection=project(split.images, mistakes, model.features),
    )
