"""Optuna's own figures of a study: images for reports and `dvc plots`, and one interactive page.

Optuna draws them with matplotlib, and the page with plotly; neither is loaded before it is needed.
"""

import html
import importlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from glyphline import files

log = logging.getLogger(__name__)

DPI = 120
INCHES = (8.0, 5.0)
PAGE = "study.html"


def draw(study: optuna.Study, objectives: Sequence[str], folder: Path) -> None:
    """Write the figures of a study: PNGs, and a page if plotly is installed.

    Args:
        study: with one or two objectives.
        objectives: their names.
        folder: for the PNGs; it is made, and files of the same names are replaced. The page lies beside it: `dvc plots`
            takes every file of the folder for an image or a table.
    """
    # The figures go to files: matplotlib must not look for a display.
    os.environ["MPLBACKEND"] = "Agg"
    names = list(figure_names(study))
    with warnings.catch_warnings():
        # Optuna marks its matplotlib figures as experimental, and warns of trials without a value.
        warnings.simplefilter("ignore")
        for name, figure in _drawn(study, "optuna.visualization.matplotlib", names, objectives):
            _save(figure, folder / f"{name}.png")
        if importlib.util.find_spec("plotly") is None:
            log.info("no interactive figures: pip install 'glyphline[plots]' brings them")
            return
        figures = dict(_drawn(study, "optuna.visualization", names, objectives))
    files.write_text(folder.with_name(PAGE), _page(study.study_name, figures))


def figure_names(study: optuna.Study) -> Iterator[str]:
    """The figures that are informative for a study, by Optuna's names."""
    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
    searched = {key for trial in complete for key in trial.params}
    yield "timeline"
    if len(study.directions) > 1:
        yield "pareto_front"
        return
    yield from ("optimization_history", "intermediate_values")
    if searched and len(complete) > 1:
        yield from ("slice", "parallel_coordinate")
        # With no more trials than parameters, their importance would be a guess.
        if len(complete) > len(searched) and len({trial.value for trial in complete}) > 1:
            yield "param_importances"


def _drawn(study: optuna.Study, module: str, names: list[str], objectives: Sequence[str]) -> Iterator[tuple[str, Any]]:
    library = importlib.import_module(module)
    for name in names:
        plot: Callable[..., Any] = getattr(library, f"plot_{name}")
        try:
            yield name, plot(study, **_titles(name, objectives))
        except (ValueError, RuntimeError) as error:
            # A figure is an extra: what Optuna cannot draw, for example the importance of a constant, is left out.
            log.info("no figure %s: %s", name, error)


def _titles(name: str, objectives: Sequence[str]) -> dict[str, Any]:
    if name == "pareto_front":
        return {"target_names": list(objectives)}
    return {} if name in {"timeline", "intermediate_values"} else {"target_name": objectives[0]}


def _save(drawn: Any, path: Path) -> None:
    # Some of Optuna's functions give one pair of axes, some an array of them.
    figure = getattr(drawn, "figure", None) or drawn.flat[0].figure
    width = INCHES[0] if hasattr(drawn, "figure") else max(INCHES[0], 2.5 * len(drawn))
    figure.set_size_inches(width, INCHES[1])
    with files.atomic_file(path) as partial:
        # No date in the file: the same study gives the same bytes, but for figures of times.
        figure.savefig(partial, dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    figure.clear()


def _page(name: str, figures: dict[str, Any]) -> str:
    parts = [
        # The library is in the page, once: the page opens without a network.
        figure.to_html(full_html=False, include_plotlyjs=number == 0, div_id=title)
        for number, (title, figure) in enumerate(figures.items())
    ]
    title = html.escape(name)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
