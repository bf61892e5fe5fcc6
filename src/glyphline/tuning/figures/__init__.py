"""The figures of a study: images for reports and `dvc plots`, in the style of all figures, and one interactive page.

Importing this package loads Optuna; Matplotlib and plotly are loaded when something is drawn.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import optuna

from glyphline.tuning.figures import page
from glyphline.tuning.figures.drawn_study import DrawnStudy


def draw(study: optuna.Study, objectives: Sequence[str], folder: Path) -> None:
    """Write the figures of a study: PNGs, and a page if plotly is installed. The same study gives the same PNGs.

    Args:
        study: with one or two objectives.
        objectives: their names.
        folder: for the PNGs; it is made, and files of the same names are replaced. The page lies beside it: `dvc plots`
            takes every file of the folder for an image or a table.
    """
    from glyphline import figure_style
    from glyphline.tuning.figures import (
        intermediate_values,
        optimization_history,
        parallel_coordinate,
        param_importances,
        pareto_front,
        timeline,
    )
    from glyphline.tuning.figures import slice as slice_figure

    modules = (
        intermediate_values,
        optimization_history,
        parallel_coordinate,
        param_importances,
        pareto_front,
        slice_figure,
        timeline,
    )
    drawers = {module.__name__.rpartition(".")[2]: module.draw for module in modules}
    drawn = DrawnStudy.of(study, objectives)
    names = list(figure_names(drawn))
    drawings = {name: partial(drawers[name], drawn) for name in names}
    figure_style.write(folder, drawings)
    page.write(folder.with_name(page.NAME), study, names, objectives)


def figure_names(drawn: DrawnStudy) -> Iterator[str]:
    """The figures that are informative for a study, by Optuna's names; each is a module of this package."""
    yield "timeline"
    if len(drawn.objectives) > 1:
        yield "pareto_front"
        return
    yield from ("optimization_history", "intermediate_values")
    if drawn.searched and len(drawn.complete) > 1:
        yield from ("slice", "parallel_coordinate")
        # With no more trials than parameters, their importance would be a guess.
        if len(drawn.complete) > len(drawn.searched) and len({trial.values[0] for trial in drawn.complete}) > 1:
            yield "param_importances"
