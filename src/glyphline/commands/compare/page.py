"""A comparison as one HTML file that loads nothing: styles and pictures are in it."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined

from glyphline.commands.compare import tables
from glyphline.commands.compare.comparison import Comparison
from glyphline.mlflow_sync.recorded_run import Points
from glyphline.values import Split

CURVES = ("val_loss", "val_accuracy")
MOST_TILES = 24


@dataclass(frozen=True, slots=True)
class Tile:
    """One test image that only one of two models gets right.

    Attributes:
        picture: data URI.
        index: place of the image in the test split.
        actual: the true class.
        predicted: the class that the wrong model predicts.
        confidence: its probability, a fraction.
    """

    picture: str
    index: int
    actual: str
    predicted: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Gallery:
    """The images that one model gets right and another wrong.

    Attributes:
        right, wrong: names of the models.
        count: number of such images.
        tiles: those that are shown.
    """

    right: str
    wrong: str
    count: int
    tiles: tuple[Tile, ...]


def html(comparison: Comparison, test: Split | None) -> str:
    """The page.

    Args:
        comparison: what to show.
        test: the test split that all were scored on; None where it is missing, and then no image is shown.
    """
    text = resources.files("glyphline.commands.compare").joinpath("page.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(text).render(
        names=comparison.names,
        verdicts=tables.verdicts(comparison),
        tables=tables.text_tables(comparison),
        is_corrected=comparison.is_corrected,
        curves=_curves(comparison),
        galleries=_galleries(comparison, test),
        has_images=test is not None,
        digest=comparison.models[0].predictions.test_digest,
        count=len(comparison.models[0].predictions),
    )


def _curves(comparison: Comparison) -> Mapping[str, str]:
    from glyphline.evaluation import figures

    pictures = {}
    for metric in CURVES:
        lines: dict[str, Points] = {
            model.label: model.run.curves[metric] for model in comparison.models if metric in model.run.curves
        }
        if lines:
            png = figures.png(partial(figures.curve_comparison, metric, lines))
            pictures[metric] = _data_uri(png)
    return pictures


def _galleries(comparison: Comparison, test: Split | None) -> tuple[Gallery, ...]:
    if test is None:
        return ()
    return tuple(
        gallery
        for pair in comparison.pairs
        for gallery in (
            _gallery(comparison, test, pair.second, pair.first, pair.only_second),
            _gallery(comparison, test, pair.first, pair.second, pair.only_first),
        )
    )


def _gallery(comparison: Comparison, test: Split, right: int, wrong: int, places: tuple[int, ...]) -> Gallery:
    predictions = comparison.models[wrong].predictions
    tiles = tuple(
        Tile(
            picture=_tile(test.images[place]),
            index=place,
            actual=predictions.classes[predictions.labels[place]],
            predicted=predictions.classes[int(predictions.probs[place].argmax())],
            confidence=float(predictions.probs[place].max()),
        )
        for place in places[:MOST_TILES]
    )
    return Gallery(comparison.names[right], comparison.names[wrong], len(places), tiles)


def _tile(image: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, format="PNG", optimize=True)
    return _data_uri(stream.getvalue())


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
