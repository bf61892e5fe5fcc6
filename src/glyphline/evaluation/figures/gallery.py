"""Single images with their predicted class and, where they were made, explanations."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from glyphline import figure_style as style
from glyphline.evaluation.explanations import Explanations
from glyphline.evaluation.image_predictions import ImagePrediction
from glyphline.values import Split

COLUMNS = (5, 8, 10)
EXPLAINED_COLUMNS = (3, 4, 6, 8)
MOST_IN = 13.0
MARGIN_IN = 0.25
LINE_IN = 0.18
GAP_IN = 0.04
MOST_CELLS = 32
AGAINST_FOR = LinearSegmentedColormap.from_list("against_for", [style.ORANGE, "#FFFFFF", style.BLUE])
EXPLAINED = "Right of each: pixels (integrated gradients) and patches (occlusion) for it in blue, against it in orange."


def mistakes(
    split: Split, wrong: Sequence[ImagePrediction], *, limit: int, explanations: Explanations | None = None
) -> Figure:
    """Draw the worst mistakes with the true class, the predicted class and its probability.

    The figure is as high as the mistakes need; without any it shows one sentence.

    Args:
        split: the images and the names of the classes.
        wrong: all mistakes, the worst first.
        limit: how many to show at most.
        explanations: of the predicted class, for the mistakes that are drawn, in their order.
    """
    shown = wrong[:limit]
    if not shown:
        return style.blank_figure(1.1, *_nothing(split, len(wrong)))
    title = f"Worst mistakes: {len(shown):,} of {len(wrong):,}, in {len(split):,} images"
    note = "The surest first: actual → predicted, probability of the latter, number of the image."
    return _draw(split, shown, explanations, title, note)


def examples(split: Split, right: Sequence[ImagePrediction], explanations: Explanations | None = None) -> Figure:
    """Draw one image of each class that was predicted right, with its explanation.

    Args:
        split: the images and the names of the classes.
        right: the examples.
        explanations: of the class, for each example in the same order.
    """
    if not right:
        return style.blank_figure(1.1, "No examples", "No image was given its own class.")
    title = f"What speaks for each class: the surest of {len(right)} classes"
    return _draw(split, right, explanations, title, "Below: class, its probability, number of the image.")


def _draw(
    split: Split, shown: Sequence[ImagePrediction], explanations: Explanations | None, title: str, note: str
) -> Figure:
    panels, head = 1, style.HEAD_IN
    choices: tuple[int, ...] = COLUMNS
    if explanations is not None:
        panels, head, choices = 3, style.HEAD_IN + 0.17, EXPLAINED_COLUMNS
        note = f"{note}\n{EXPLAINED}"
    height, width, _ = split.image_shape
    for columns in choices:
        tile_in = (style.WIDTH_IN - 2 * MARGIN_IN) / columns
        rows = math.ceil(len(shown) / columns)
        captions = [_caption(split.classes, prediction, tile_in) for prediction in shown]
        scale = (0.94 * tile_in - (panels - 1) * GAP_IN) / panels / max(height, width)
        row_in = scale * height + LINE_IN * max(map(len, captions)) + 0.25
        # The widest tiles with which the figure still fits a screen.
        if head + rows * row_in + 0.1 <= MOST_IN:
            break
    figure = style.blank_figure(head + rows * row_in + 0.1, title, note)
    # One pair of axes in inches for all tiles: a pair for each takes ten times as long.
    axes = style.panel(figure, left=MARGIN_IN, top=head, width=style.WIDTH_IN - 2 * MARGIN_IN, height=rows * row_in)
    brightest = max(1, *(int(split.images[prediction.index].max()) for prediction in shown))
    for place, (prediction, caption) in enumerate(zip(shown, captions, strict=True)):
        row, column = divmod(place, columns)
        bottom, step = row * row_in + scale * height, scale * width + GAP_IN
        left = (column + 0.5) * tile_in - (panels * step - GAP_IN) / 2
        box = (left, left + scale * width, bottom, bottom - scale * height)
        _image(axes, split.images[prediction.index], box, brightest)
        if explanations is not None:
            for number, values in enumerate((explanations.pixels[place], explanations.patches[place]), start=1):
                _map(axes, values, (box[0] + number * step, box[1] + number * step, *box[2:]))
        _write(axes, caption, (column + 0.5) * tile_in, bottom, _points(tile_in))
    axes.set_xlim(0, columns * tile_in)
    axes.set_ylim(rows * row_in, 0)
    axes.set_axis_off()
    return figure


def _nothing(split: Split, mistakes: int) -> tuple[str, str]:
    if mistakes:
        return f"Mistakes: {mistakes:,} in {len(split):,} images", "None are drawn: evaluate.mistakes is 0."
    return "No mistakes", f"All {len(split):,} images were given their own class."


def _points(tile_in: float) -> float:
    return 9.5 if tile_in > 1.2 else 8.0


def _caption(classes: Sequence[str], prediction: ImagePrediction, tile_in: float) -> tuple[str, ...]:
    characters = int(72 * tile_in / (0.6 * _points(tile_in)))
    actual, predicted = classes[prediction.actual], classes[prediction.predicted]
    last = f"{style.percent(prediction.confidence)} #{prediction.index}"
    together = actual if actual == predicted else f"{actual} → {predicted}"
    if len(together) <= characters:
        return together, last
    if actual == predicted:
        return style.shortened(actual, characters), last
    return style.shortened(actual, characters), f"→ {style.shortened(predicted, characters - 2)}", last


def _write(axes: Axes, caption: Sequence[str], centre: float, bottom: float, points: float) -> None:
    for line, text in enumerate(caption):
        last = line == len(caption) - 1
        axes.text(
            centre,
            bottom + 0.05 + LINE_IN * line,
            text,
            size=points - last,
            color=style.QUIET if last else style.INK,
            ha="center",
            va="top",
        )


def _image(axes: Axes, image: npt.NDArray[np.uint8], box: tuple[float, float, float, float], brightest: int) -> None:
    height, width, channels = image.shape
    axes.imshow(
        image[..., 0] if channels == 1 else image,
        cmap="gray",
        vmin=0,
        vmax=brightest,
        extent=box,
        aspect="auto",
        interpolation="nearest" if max(height, width) < 64 else "antialiased",
    )


def summed_cells(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A map with at most `MOST_CELLS` a side: the pixels of a photograph are smaller than what a figure can show.

    Args:
        values: float32 (h, w).
    """
    step = -(-max(values.shape) // MOST_CELLS)
    rows, columns = (range(0, side, step) for side in values.shape)
    cells: npt.NDArray[np.float32] = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return cells


def _map(axes: Axes, values: npt.NDArray[np.float32], box: tuple[float, float, float, float]) -> None:
    values = summed_cells(values)
    # Each map on its own scale: what counts is where, not how much. A map without any difference stays white.
    reach = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=AGAINST_FOR, vmin=-reach, vmax=reach, extent=box, aspect="auto", interpolation="nearest")
    left, right, bottom, top = box
    axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=style.FAINT, linewidth=0.8)
