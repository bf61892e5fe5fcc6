"""The style of every figure: sizes, colours, type, and how it becomes a file."""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullLocator

from glyphline import files

WIDTH_IN = 8.0
"""Every figure is this wide: 880 pixels, shown at about 800 by MLflow's artifact viewer."""
DPI = 110
HEAD_IN = 0.85
"""Height of the title and the line below it."""
NUMBERS_IN = 1.65
"""Width of two columns of numbers right of the axes."""
MIN_TICKS = 3

# Okabe and Ito's palette: distinct with every common kind of colour blindness, and in grey by their lightness.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
SKY = "#9CCBE8"
INK = "#1F2328"
QUIET = "#59636E"
FAINT = "#D8DEE4"

RC_PARAMS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    # A class may be called "$5": names are never formulas.
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
}


@contextmanager
def rc_context() -> Iterator[None]:
    """Apply this style inside the block, whatever a person's own matplotlibrc sets."""
    # Any: matplotlib's stubs name every setting in a literal type. Without the backend, which must not be chosen here.
    default: Any = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    with mpl.rc_context(default | RC_PARAMS), warnings.catch_warnings():
        # A letter that the font lacks becomes a box; one warning per letter and text would fill the log.
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def write(folder: Path, drawings: Mapping[str, Callable[[], Figure]]) -> None:
    """Draw each figure and write it to `<folder>/<name>.png`, whole; equal figures give equal bytes.

    Args:
        folder: where to.
        drawings: file name without its suffix -> what draws the figure.
    """
    with rc_context():
        for name, draw in drawings.items():
            figure = draw()
            with files.atomic_file(folder / f"{name}.png") as partial:
                # No version of matplotlib in the file: two installations that draw the same write the same.
                figure.savefig(partial, format="png", metadata={"Software": None})


def png(draw: Callable[[], Figure]) -> bytes:
    """Draw a figure into the bytes of a PNG."""
    stream = io.BytesIO()
    with rc_context():
        draw().savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def blank_figure(height_in: float, title: str, note: str) -> Figure:
    """An empty figure with a title and a quieter line below it.

    Args:
        height_in: whole height in inches, `HEAD_IN` of it for title and note.
        title: what the figure shows.
        note: how to read the figure.
    """
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.25 / WIDTH_IN, 1 - 0.17 / height_in, title, size=13, weight="bold", va="top")
    figure.text(0.25 / WIDTH_IN, 1 - 0.46 / height_in, note, size=9, color=QUIET, va="top")
    return figure


def panel(figure: Figure, *, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, counted from the figure's top left corner to the top left of the axes.

    Places are computed, not searched: constrained and tight layout draw every figure two or three times.
    """
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes(
        (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
    )


def whiskers(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Error bars for matplotlib: the distances from each value down and up to the ends of its interval."""
    below = [value - low for value, (low, _) in zip(values, intervals, strict=True)]
    return below, [high - value for value, (_, high) in zip(values, intervals, strict=True)]


def number_columns(axes: Axes, width: float, columns: Mapping[str, Sequence[str]]) -> None:
    """Write columns of numbers right of the axes, one number per row at 0, 1, ...; the headings are at -1.

    Args:
        axes: their horizontal place is left free by `NUMBERS_IN`.
        width: of the axes, in inches.
        columns: heading -> numbers; two at most.
    """
    for column, (heading, numbers) in enumerate(columns.items(), start=1):
        place = 1 + 0.7 * column / width
        for row, text in enumerate((heading, *numbers), start=-1):
            axes.text(place, row, text, size=9, ha="right", va="center", transform=axes.get_yaxis_transform())


def logarithmic(axes: Axes) -> None:
    """A logarithmic vertical axis with plain numbers, also where it spans less than a decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(_LogTicks())
    axes.yaxis.set_minor_locator(NullLocator())
    plain_numbers(axes.yaxis)


def plain_numbers(axis: Axis) -> None:
    """Write the numbers of an axis as `number` does."""
    axis.set_major_formatter(FuncFormatter(lambda value, _place: number(value)))


def number(value: float) -> str:
    """Four digits as people write them.

    >>> [number(value) for value in (0.0125, 2000.0, 150_000.0, 0.00001)]
    ['0.0125', '2000', '150,000', '1e-5']
    """
    if 1e4 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    mantissa, e, exponent = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def ticks(low: float, high: float, *, log: bool = False) -> list[float]:
    """Round numbers from `low` to `high`, two to eight of them where there is room for them.

    >>> ticks(0.002, 0.05, log=True)
    [0.002, 0.005, 0.01, 0.02, 0.05]
    """
    if log and low > 0:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        for digits in ((1,), (1, 2, 5)):
            chosen = [
                value
                for power in range(first, last + 1)
                for digit in digits
                # As text: 5 * 10.0**-3 is no 0.005.
                if low * (1 - 1e-9) <= (value := float(f"{digit}e{power}")) <= high * (1 + 1e-9)
            ]
            if len(chosen) >= MIN_TICKS:
                return chosen[:: -(-len(chosen) // 8)]
    # Less than a decade: the round numbers of a linear axis.
    return [
        float(value)
        for value in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        if low - 1e-9 * (high - low) <= value <= high + 1e-9 * (high - low)
    ]


class _LogTicks(Locator):
    def __call__(self) -> list[float]:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        return ticks(vmin, vmax, log=True)


def legend_above(axes: Axes, columns: int) -> None:
    """A legend above the axes: what is drawn can lie anywhere in them."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderpad=0, ncols=columns, fontsize=9)


def shortened(name: str, characters: int) -> str:
    """A name on one line, its middle cut out when it is too long: `Staffordshire bullterrier` -> `Stafford…terrier`."""
    line = " ".join(name.split())
    if len(line) <= characters:
        return line
    tail = (characters - 1) // 2
    return f"{line[: characters - 1 - tail]}…{line[len(line) - tail :]}"


def decimals(value: float | None, places: int) -> str:
    """A rate for a label; a dash where it is not defined. Only a rate of 1 is written as 1, and only 0 as 0.

    >>> decimals(0.9996, 3), decimals(1.0, 3), decimals(None, 3)
    ('0.9996', '1.000', '–')
    """
    return "–" if value is None else _rounded(value, places, 1.0)


def percent(share: float, places: int = 0) -> str:
    """A share as people read it. Only nothing is 0 %, and only all is 100 %: a share near them gets another place.

    >>> percent(0.0213, 1), percent(977 / 980), percent(1 - 1e-9), percent(1.0)
    ('2.1%', '99.7%', '>99.9%', '100%')
    """
    return f"{_rounded(100 * share, places, 100.0)}%"


def _rounded(value: float, places: int, most: float) -> str:
    for digits in (places, places + 1):
        text = f"{value:.{digits}f}"
        if float(text) not in {0.0, most} or value in {0.0, most}:
            return text
    step = 10.0**-digits
    return f"<{step:.{digits}f}" if value < most / 2 else f">{most - step:.{digits}f}"


def text_width_in(names: list[str], points: float) -> float:
    """Approximate width of the longest of these names in inches, in type of this size in points."""
    return max(map(len, names)) * points * 0.62 / 72
