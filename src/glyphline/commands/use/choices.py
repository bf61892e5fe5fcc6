"""Which parameters fit a set of images, and why; sizes, steps and bounds are rules of thumb, not yet measured."""

import math
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.commands.use.quick_fits import QuickFit
from glyphline.data.catalogue import CATALOGUE
from glyphline.data.split import held_out_counts
from glyphline.data.survey import ARRAYS, Survey
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.training.scarcity import SKEWED
from glyphline.values import Fit

NAME_MAX = 64
SIDES = (32, 48, 64)
"""Sides that images are resized to; a network from nothing learns little from more, and takes longer."""
STEPS = 2_000
"""Steps that a fit is given, as far as the bounds of the epochs allow."""
EPOCHS = (5, 100)
SAME_PROPORTIONS = 1.1
BATCH_SIZE = "train.batch_size"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value for params.yaml.

    Attributes:
        key: dotted.
        value: as params.yaml holds it.
        reason: half a sentence.
        is_of_recipe: one of the values that a recipe holds, which were measured together.
    """

    key: str
    value: Any
    reason: str
    is_of_recipe: bool = False


def chosen(params: Params, survey: Survey, path: Path) -> list[Choice]:
    """The values for a set of images, in the order of params.yaml.

    Args:
        params: the project's; parts of splits are taken as they are.
        survey: the facts.
        path: as params.yaml is to hold it.
    """
    learnt = sum(class_counts(params, survey).values())
    size, size_reason = _image_size(survey)
    side = max(size or survey.sizes[0])
    batch = min(32, learnt) if learnt < 2_000 else 64 if learnt < 20_000 else 128
    steps = -(-learnt // batch)
    epochs = min(max(round(STEPS / steps), EPOCHS[0]), EPOCHS[1])
    classes = sum(survey.counts.values(), Counter())
    skew = max(classes.values()) / min(classes.values())
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
            fits(survey)[0],
            "the proportions differ, and the middle of a picture shows the subject"
            if len(fits(survey)) > 1
            else "all have nearly the same proportions",
        ),
        Choice(
            "preprocess.group",
            params.preprocess.group,
            f"{survey.groups:,} groups, each of which stays in one split" if survey.groups else "no groups are known",
        ),
        Choice("model.kind", _kind_from_nothing(params), "learns from these images alone"),
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
        *_lowest_accuracy(classes, skewed=skew >= SKEWED),
        *_batch_sizes_of_the_search(params, learnt),
    ]


def fits(survey: Survey) -> tuple[Fit, ...]:
    """The ways to give images a size that come into question, the most usual one first."""
    elongated = sum(max(one) / min(one) > SAME_PROPORTIONS for one in survey.sizes)
    is_resized = _image_size(survey)[0] is not None
    return ("crop", "pad") if is_resized and elongated > len(survey.sizes) / 10 else ("stretch",)


def is_photographs(survey: Survey) -> bool:
    """Whether the images are large enough to show what a network that has seen ImageNet knows."""
    return survey.layout != ARRAYS and _image_size(survey)[0] is not None and _short_side(survey) >= SIDES[-1]


def with_best(choices: list[Choice], fitted: list[QuickFit]) -> list[Choice]:
    """The choices with the values of the fit that was right most often, and what each reached as the reason.

    Args:
        choices: for a network from nothing.
        fitted: the best one first; with none, the choices stay as they are.
    """
    if not fitted:
        return choices
    best = fitted[0]
    reached = ", ".join(f"{one.name} with {one.fit} {one.accuracy:.3f}" for one in fitted)
    reason = f"accuracy of quick fits to a part of the images: {reached}"
    merged = {choice.key: choice for choice in choices}
    for key, value in {**best.values, "preprocess.fit": best.fit}.items():
        tried = key in {"preprocess.fit", "model.kind"}
        merged[key] = Choice(key, value, reason if tried else best.name, is_of_recipe=not tried)
    return list(merged.values())


def class_counts(params: Params, survey: Survey) -> dict[str, int]:
    """Class -> images to learn from, after those that have to be drawn for the other splits.

    Groups, near-duplicates and bad files, which are not known yet, may change them a little.
    """
    names = sorted(survey.counts["train"])
    counts = np.array([survey.counts["train"][name] for name in names])
    for split, part in (("test", params.preprocess.test_fraction), ("val", params.preprocess.val_fraction)):
        if split not in survey.counts:
            counts = counts - held_out_counts(counts, part)
    return dict(zip(names, counts.tolist(), strict=True))


def _lowest_accuracy(classes: Counter[str], *, skewed: bool) -> list[Choice]:
    """What the first version has to reach: a quarter of the way from guessing to being always right."""
    if skewed:
        guessed = 1 / len(classes)
        bar = Choice(
            "registry.gate.min_balanced_accuracy",
            round(guessed + (1 - guessed) / 4, 2),
            f"naming always one class has a balanced accuracy of {guessed:.2f}",
        )
        return [Choice("registry.min_accuracy", 0.0, "of skewed classes the balanced accuracy says more"), bar]
    largest = max(classes.values()) / classes.total()
    return [
        Choice(
            "registry.min_accuracy",
            round(largest + (1 - largest) / 4, 2),
            f"naming always the largest class is right in {largest:.2f}",
        ),
        Choice("registry.gate.min_balanced_accuracy", None, "the classes are of like size"),
    ]


def _batch_sizes_of_the_search(params: Params, learnt: int) -> list[Choice]:
    """The search space without batches that are larger than the training split, where it has such."""
    space = dict(params.tune.space)
    sizes = space[BATCH_SIZE].choices if BATCH_SIZE in space else None
    fitting = [size for size in sizes or () if isinstance(size, int) and size <= learnt]
    if sizes is None or len(fitting) == len(sizes):
        return []
    entries = {key: entry.model_dump(mode="json", exclude_defaults=True) for key, entry in space.items()}
    if fitting:
        entries[BATCH_SIZE]["choices"] = fitting
    else:
        del entries[BATCH_SIZE]
    return [Choice("tune.space", entries, f"no {BATCH_SIZE} above the {learnt:,} images to learn from")]


def _kind_from_nothing(params: Params) -> str:
    return "cnn" if params.model.kind == PRETRAINED else params.model.kind


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
    short = _short_side(survey)
    side = max((side for side in SIDES if side <= short), default=SIDES[0])
    sides = [side for one in survey.sizes for side in one]
    return [side, side], f"sides from {min(sides):,} to {max(sides):,} pixels, the median of the shorter ones {short:,}"


def _short_side(survey: Survey) -> int:
    return int(statistics.median(min(one) for one in survey.sizes))


def _name(path: Path) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "_", path.name.removesuffix(path.suffix).lower()).strip("_-") or "images"
    return f"{plain}_own" if plain in CATALOGUE else plain[:NAME_MAX]
