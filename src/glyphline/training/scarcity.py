"""What a training set has too little of to learn from, known before the fit."""

from collections.abc import Mapping
from dataclasses import dataclass

from glyphline.params.train import TrainParams

FEW_STEPS = 100
"""In 20 to 44 steps the default network got 0.42 to 0.96 of the validation images right, in 100 to 110 0.94 to 0.99."""
FEW_IMAGES = 20
"""Of such a class about four images validate and six test, by default: little can be told about it."""
SKEWED = 5
"""Largest class to rarest. At 7 the rarest of two was hardly ever answered (a balanced accuracy of 0.52)."""


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """One thing of which there is too little.

    Attributes:
        problem: with its numbers.
        fix: what a person can do about it.
    """

    problem: str
    fix: str


def shortcomings(params: TrainParams, class_counts: Mapping[str, int]) -> tuple[Shortcoming, ...]:
    """What is too little: the steps in all, the images of the rarest class, or its share of the images.

    Args:
        params: section `train`.
        class_counts: class -> training images; at least one class.
    """
    found = []
    per_epoch = params.steps_per_epoch(sum(class_counts.values()))
    if (steps := params.epochs * per_epoch) < FEW_STEPS:
        found.append(
            Shortcoming(
                problem=f"{steps:,} steps in all are few: {sum(class_counts.values()):,} images in batches of"
                f" {params.batch_size:,}, {params.epochs:,} times",
                fix=f"set train.epochs to {-(-FEW_STEPS // per_epoch)} or more, or lower train.batch_size",
            )
        )
    rarest, largest = (choose(class_counts, key=class_counts.__getitem__) for choose in (min, max))
    fewest, most = class_counts[rarest], class_counts[largest]
    if fewest < FEW_IMAGES:
        found.append(
            Shortcoming(
                problem=f"the rarest class, {rarest}, has {fewest:,} training images",
                fix=f"add images of it until there are {FEW_IMAGES} or more for training, or take the class out",
            )
        )
    if most >= SKEWED * fewest and params.class_weight == "none":
        found.append(
            Shortcoming(
                problem=f"the classes are skewed: {most:,} training images of {largest}, {fewest:,} of {rarest}",
                fix="set train.class_weight to balanced, and look at the balanced accuracy",
            )
        )
    return tuple(found)
