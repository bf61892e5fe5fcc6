"""The figures of a study as one interactive page, drawn by Optuna with plotly."""

import html
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna

from glyphline import files

log = logging.getLogger(__name__)

NAME = "study.html"


def write(path: Path, study: optuna.Study, names: Sequence[str], objectives: Sequence[str]) -> None:
    """Write the page, if plotly is installed.

    Args:
        path: of the page.
        study: with one or two objectives.
        names: of the figures, as Optuna names them.
        objectives: their names.
    """
    if importlib.util.find_spec("plotly") is None:
        log.info("no interactive figures: pip install 'glyphline[plots]' brings them")
        return
    with warnings.catch_warnings():
        # Optuna warns of trials without a value.
        warnings.simplefilter("ignore")
        figures = dict(_drawn(study, names, objectives))
    files.write_text(path, _page(study.study_name, figures))


def _drawn(study: optuna.Study, names: Sequence[str], objectives: Sequence[str]) -> Iterator[tuple[str, Any]]:
    library = importlib.import_module("optuna.visualization")
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
