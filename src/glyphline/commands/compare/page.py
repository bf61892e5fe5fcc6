"""A comparison as one HTML file that asks nothing of the network: styles and pictures are in it."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined

from glyphline.commands.compare import table_cells
from glyphline.commands.compare.comparison import Findings
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
        said: what the wrong model said.
        confidence: how surely, a fraction.
    """

    picture: str
    index: int
    actual: str
    said: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Gallery:
    """The images that one model gets right and another wrong.

    Attributes:
        right, wrong: names of the models.
        count: how many images there are.
        tiles: those that are shown.
    """

    right: str
    wrong: str
    count: int
    tiles: tuple[Tile, ...]


def html(findings: Findings, test: Split | None) -> str:
    """The page.

    Args:
        findings: what to show.
        test: the test split that all were scored on; None where it is not at hand, and then no image is shown.
    """
    text = resources.files("glyphline.commands.compare").joinpath("page.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(text).render(
        names=findings.names,
        verdicts=table_cells.verdicts(findings),
        grids=table_cells.grids(findings),
        is_corrected=findings.is_corrected,
        curves=_curves(findings),
        galleries=_galleries(findings, test),
        has_images=test is not None,
        digest=findings.subjects[0].said.test_digest,
        count=len(findings.subjects[0].said),
    )


def _curves(findings: Findings) -> Mapping[str, str]:
    from glyphline.evaluation import figures

    found = {}
    for metric in CURVES:
        lines: dict[str, Points] = {
            subject.label: subject.run.curves[metric] for subject in findings.subjects if metric in subject.run.curves
        }
        if lines:
            picture = figures.png(lambda lines=lines, metric=metric: figures.overlay(metric, lines))  # type: ignore[misc]
            found[metric] = _data_uri(picture)
    return found


def _galleries(findings: Findings, test: Split | None) -> tuple[Gallery, ...]:
    if test is None:
        return ()
    return tuple(
        gallery
        for pair in findings.pairs
        for gallery in (
            _gallery(findings, test, pair.second, pair.first, pair.only_second),
            _gallery(findings, test, pair.first, pair.second, pair.only_first),
        )
    )


def _gallery(findings: Findings, test: Split, right: int, wrong: int, places: tuple[int, ...]) -> Gallery:
    said = findings.subjects[wrong].said
    tiles = tuple(
        Tile(
            picture=_tile(test.images[place]),
            index=place,
            actual=said.classes[said.labels[place]],
            said=said.classes[int(said.probs[place].argmax())],
            confidence=float(said.probs[place].max()),
        )
        for place in places[:MOST_TILES]
    )
    return Gallery(findings.names[right], findings.names[wrong], len(places), tiles)


def _tile(image: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, format="PNG", optimize=True)
    return _data_uri(stream.getvalue())


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
