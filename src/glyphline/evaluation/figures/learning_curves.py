"""Learning curves: loss and accuracy after each epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style
from glyphline.errors import DataError

COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
LOWEST_LOSS = 1e-6
"""A loss of 0 has no place on a logarithmic axis."""


def draw(history: Sequence[Mapping[str, float]], best_epoch: int) -> Figure:
    """Draw loss and accuracy of training and validation over the epochs; the best epoch is marked.

    Args:
        history: one row per epoch with train_loss, train_accuracy, val_loss, val_accuracy; other columns are not drawn.
        best_epoch: from 0, the epoch whose weights the model has. Drawn counted from 1, as the log counts.

    Raises:
        DataError: a row lacks one of the columns, or there is no row for `best_epoch`.
    """
    _check(history, best_epoch)
    best = history[best_epoch]
    figure = style.blank_figure(
        4.2,
        f"Learning curves: best epoch {best_epoch + 1} of {len(history)}",
        f"The model has the weights of this epoch: validation loss {best['val_loss']:.4f},"
        f" validation accuracy {best['val_accuracy']:.4f}.",
    )
    for place, name in enumerate(("loss", "accuracy")):
        axes = style.panel(figure, left=0.8 + 3.8 * place, top=1.1, width=3.1, height=2.5)
        _plot(axes, history, name, best_epoch)
        if name == "loss":
            style.logarithmic(axes)
            # For both: they have the same lines.
            style.legend_above(axes, 3)
    return figure


def _check(history: Sequence[Mapping[str, float]], best_epoch: int) -> None:
    fix = "make the history again with `dvc repro train`"
    for epoch, row in enumerate(history):
        if missing := [column for column in COLUMNS if column not in row]:
            raise DataError(f"the history lacks {', '.join(missing)} in epoch {epoch + 1}", fix=fix)
    if not 0 <= best_epoch < len(history):
        raise DataError(f"best epoch {best_epoch + 1} of a history of {len(history)} epochs", fix=fix)


def _plot(axes: Axes, history: Sequence[Mapping[str, float]], name: str, best_epoch: int) -> None:
    epochs = range(1, len(history) + 1)
    marker_size = 4 if len(history) <= 40 else 0
    lowest = LOWEST_LOSS if name == "loss" else 0.0
    lines = (("training", f"train_{name}", style.QUIET, "--", "o"), ("validation", f"val_{name}", style.BLUE, "-", "s"))
    axes.axvline(best_epoch + 1, color=style.ORANGE, linewidth=1.2, linestyle=":")
    for label, column, colour, dash, marker in lines:
        values = [max(row[column], lowest) for row in history]
        axes.plot(epochs, values, dash, color=colour, label=label, marker=marker, markersize=marker_size)
    axes.plot(
        best_epoch + 1,
        max(history[best_epoch][f"val_{name}"], lowest),
        marker="o",
        linestyle="none",
        markersize=10,
        markeredgewidth=2,
        markerfacecolor="none",
        markeredgecolor=style.ORANGE,
        label="best epoch",
    )
    axes.set_ylabel(name)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.grid(visible=True, axis="y")
