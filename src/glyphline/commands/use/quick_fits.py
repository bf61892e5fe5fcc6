"""Which kind of network suits a person's images: each is fitted to a part of them, and the better one is chosen."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline import data, progress, training
from glyphline.data import sample
from glyphline.data.sample import Sample
from glyphline.params import Params, overlay, recipe
from glyphline.paths import Paths
from glyphline.pictures import Resizing
from glyphline.scratch import scratch_folder
from glyphline.stages import backbone, features
from glyphline.values import Fit

log = logging.getLogger(__name__)

RECIPE = "photos"
IMAGES = 800
"""That the fits see; a third of them are for validation."""
STEPS = 1_000
"""Of each fit, half of what a network from nothing is given in the end."""
VAL_FRACTION = 1 / 3


@dataclass(frozen=True, slots=True)
class QuickFit:
    """One fit to the sample.

    Attributes:
        name: of what was fitted, for a person.
        fit: how the images got their size.
        values: dotted key -> value, beside those that hold for every kind of network.
        accuracy: on the part of the sample that the fit did not see.
    """

    name: str
    fit: Fit
    values: Mapping[str, Any]
    accuracy: float


def run(params: Params, paths: Paths, path: Path, fits: tuple[Fit, ...]) -> list[QuickFit]:
    """Fit a head on features and a network from nothing to a sample of the training images.

    Args:
        params: with the values for a network from nothing.
        paths: the project, for its scratch folder.
        path: the images, a folder or a table.
        fits: the ways to give images a size that come into question; the network from nothing is fitted with the one
            that suits the head best.

    Returns:
        The fits, the best one first; none where fewer than two classes have two images that can be read.
    """
    log.info("trying two kinds of network on a part of the images; `--quick` leaves this out")
    drawn = sample.draw(params.data, path, most=IMAGES)
    if len(drawn.classes) < 2:
        return []
    photos = dict(recipe.find(RECIPE).values)
    # Of fewer images than the recipe takes at once, as many as there are.
    photos["train.batch_size"] = min(photos["train.batch_size"], params.train.batch_size)
    head = overlay(params, photos)
    done = [QuickFit(f"recipe {RECIPE}", fit, photos, _accuracy(head, fit, drawn, paths)) for fit in fits]
    best_fit = max(done, key=lambda one: one.accuracy).fit
    nothing = {"model.kind": params.model.kind}
    done.append(QuickFit("from nothing", best_fit, nothing, _accuracy(params, best_fit, drawn, paths)))
    return sorted(done, key=lambda one: -one.accuracy)


def _accuracy(params: Params, fit: Fit, drawn: Sample, paths: Paths) -> float:
    """Of a fit to a part of the sample, on the rest of it."""
    assert params.preprocess.image_size is not None
    with scratch_folder(paths.scratch, "tried") as folder:
        tried = Paths(work=folder, home=folder)
        resizing = Resizing(*params.preprocess.image_size, fit)
        drawn.save(tried.split, resizing, folder, val_fraction=VAL_FRACTION)
        backbone.run(params, tried)
        features.run(params, tried)
        train, val = data.load(tried.split("train")), data.load(tried.split("val"))
        params = overlay(params, {"train.batch_size": min(params.train.batch_size, len(train))})
        folders = training.FeatureFolders(tried.features, tried.backbone)
        context = training.prepare(params, train, val, features=folders, project=paths.work)
        epochs = min(params.train.epochs, max(1, STEPS // params.train.steps_per_epoch(len(train))))
        with progress.bar(f"{params.model.kind}, {fit}", epochs, "epochs") as advance:
            fitted = training.fit(params, context, seed=params.seed, epochs=epochs, on_epoch=lambda *_: advance(1))
    return fitted.best_metrics["val_accuracy"]
