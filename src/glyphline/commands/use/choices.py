"""Which parameters fit a set of images, and why; sizes, steps and bounds are rules of thumb, not yet measured."""

import math
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.data.catalogue import CATALOGUE
from glyphline.data.survey import Survey
from glyphline.params import Params
from glyphline.training.scarcity import SKEWED

NAME_MAX = 64
SIDES = (32, 48, 64)
"""Sides that images are resized to; a network from nothing learns little from more, and takes longer."""
STEPS = 2_000
"""Steps that a fit is given, as far as the bounds of the epochs allow."""
EPOCHS = (5, 100)
SAME_PROPORTIONS = 1.1


@dataclass(frozen=True, slots=True)
class Choice:
    """One value for params.yaml.

    Attributes:
        key: dotted.
        value: as params.yaml holds it.
        reason: half a sentence.
    """

    key: str
    value: Any
    reason: str


def chosen(params: Params, survey: Survey, path: Path) -> list[Choice]:
    """The values for a set of images, in the order of params.yaml.

    Args:
        params: the project's; parts of splits are taken as they are.
        survey: the facts.
        path: as params.yaml is to hold it.
    """
    learnt = _learnt_from(params, survey)
    size, size_reason = _image_size(survey)
    side = max(size or survey.sizes[0])
    batch = 32 if learnt < 2_000 else 64 if learnt < 20_000 else 128
    steps = -(-learnt // batch)
    epochs = min(max(round(STEPS / steps), EPOCHS[0]), EPOCHS[1])
    sizes = [max(one) / min(one) for one in survey.sizes]
    varied = sum(ratio > SAME_PROPORTIONS for ratio in sizes) > len(sizes) / 10
    classes = sum(survey.counts.values(), Counter())
    skew = max(classes.values()) / min(classes.values())
    largest = max(classes.values()) / classes.total()
    filters = [16, 32, 64, 128][: 1 if side <= 12 else 2 if side <= 36 else 3 if side <= 96 else 4]
    return [
        Choice("data.dataset", _name(path), "the name of the folder or file"),
        Choice("data.path", str(path), survey.layout),
        Choice(
            "data.bad_files",
            "skip" if survey.bad else "stop",
            f"{len(survey.bad)} of {len(survey.bad) + len(survey.sizes)} files that were opened are no images"
            if survey.bad
            else "all files that were opened are images",
        ),
        *_max_bad_share(params, survey),
        Choice("preprocess.image_size", size, size_reason),
        Choice(
            "preprocess.fit",
            "crop" if size and varied else "stretch",
            "the proportions differ, and the middle of a picture shows the subject"
            if size and varied
            else "all have nearly the same proportions",
        ),
        Choice("model.filters", filters, f"{len(filters)} times halved, {side} pixels become {side >> len(filters)}"),
        Choice("train.epochs", epochs, f"{epochs * steps:,} steps in all ({steps:,} an epoch)"),
        Choice("train.batch_size", batch, f"{learnt:,} images to learn from"),
        Choice("train.patience", epochs, "no fit ends while its learning rate still rises or falls"),
        Choice(
            "train.class_weight",
            "balanced" if skew >= SKEWED else "none",
            f"the largest class has {skew:.1f} times the images of the smallest",
        ),
        Choice("tune.epochs", max(2, epochs // 4), "a quarter of the epochs of a fit"),
        Choice(
            "registry.min_accuracy",
            round(largest + (1 - largest) / 4, 2),
            f"naming always the largest class is right in {largest:.2f}",
        ),
    ]


def class_counts(params: Params, survey: Survey) -> dict[str, int]:
    """Class -> images to learn from, after those that have to be drawn for the other splits."""
    part = _learnt_from(params, survey) / survey.counts["train"].total()
    return {name: max(1, round(count * part)) for name, count in survey.counts["train"].items()}


def _learnt_from(params: Params, survey: Survey) -> int:
    """Images of the training split, after those that have to be drawn from it."""
    count: float = survey.counts["train"].total()
    for split, part in (("test", params.preprocess.test_fraction), ("val", params.preprocess.val_fraction)):
        if split not in survey.counts:
            count *= 1 - part
    return max(1, int(count))


def _max_bad_share(params: Params, survey: Survey) -> list[Choice]:
    """A larger share of bad files than is allowed, where there are more; of a sample, so with room above it."""
    share = len(survey.bad) / (len(survey.bad) + len(survey.sizes))
    if share <= params.data.max_bad_share / 2:
        return []
    allowed = max(params.data.max_bad_share, min(1.0, math.ceil(200 * share) / 100))
    return [Choice("data.max_bad_share", allowed, f"twice the {share:.1%} of those that were opened")]


def _image_size(survey: Survey) -> tuple[list[int] | None, str]:
    height, width = survey.sizes[0]
    if len(set(survey.sizes)) == 1 and max(height, width) <= SIDES[-1] and min(height, width) >= 8:
        return None, f"all are {height} x {width}"
    short = int(statistics.median(min(one) for one in survey.sizes))
    side = max((side for side in SIDES if side <= short), default=SIDES[0])
    sides = [side for one in survey.sizes for side in one]
    return [side, side], f"sides from {min(sides):,} to {max(sides):,} pixels, the median of the shorter ones {short:,}"


def _name(path: Path) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "_", path.name.removesuffix(path.suffix).lower()).strip("_-") or "images"
    return f"{plain}_own" if plain in CATALOGUE else plain[:NAME_MAX]
