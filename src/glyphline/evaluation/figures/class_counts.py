"""How many images of each class there are in each split."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style

MOST_CLASSES = 25
NAME_CHARACTERS = 24
ROW_IN = 0.42
BAR = 0.26
COLOURS = {"train": style.BLUE, "val": style.SKY, "test": style.ORANGE}


def draw(class_counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw the classes, the rarest first; of more than 25 only the rarest 25, and the title says so.

    Args:
        class_counts: split -> class -> images; the splits are some of train, val and test, of the same classes.
    """
    totals = {name: sum(counts[name] for counts in class_counts.values()) for name in next(iter(class_counts.values()))}
    # sorted is stable: classes with as many images stay in their own order.
    shown = sorted(totals, key=totals.__getitem__)[:MOST_CLASSES]
    title = "Images of each class"
    if len(shown) < len(totals):
        title = f"Images of each class: the {len(shown)} rarest of {len(totals):,} classes"
    names = [style.shortened(name, NAME_CHARACTERS) for name in shown]
    left, height = 0.45 + style.text_width_in(names, 10), ROW_IN * len(shown)
    width, head = style.WIDTH_IN - left - style.NUMBERS_IN, style.HEAD_IN + 0.35
    fewest, most = min(totals.values()), max(totals.values())
    note = f"Rarest first. All splits together: {fewest:,} images of the rarest class, {most:,} of the largest"
    figure = style.blank_figure(head + height + 0.4, title, note)
    axes = style.panel(figure, left=left, top=head, width=width, height=height)
    for number, (split, counts) in enumerate(class_counts.items()):
        rows = [row + BAR * (number - (len(class_counts) - 1) / 2) for row in range(len(shown))]
        axes.barh(rows, [counts[name] for name in shown], BAR, color=COLOURS[split], label=split)
    first, *_, last = [*class_counts, *class_counts]
    columns = {split: [f"{class_counts[split][name]:,}" for name in shown] for split in (first, last)}
    style.number_columns(axes, width, columns)
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    style.plain_numbers(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    style.legend_above(axes, len(class_counts))
    return figure
