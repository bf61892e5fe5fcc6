"""What `glyphline study` prints: the state of a search and its trials, while it runs or afterwards."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glyphline import records, tuning
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import SplitManifest
from glyphline.tuning import StudyLocation
from glyphline.tuning.overview import StudyOverview, TrialRow, names, study_overview

SHOWN_REASON = 60
PIPE_COLUMNS = 200


def show(params: Params, paths: Paths, name: str | None = None, console: Console | None = None) -> None:
    """Print a study.

    Args:
        params: say which storage, and which study when none is named.
        paths: of the project.
        name: of a study; None for the one that `tune` would go on with.
        console: where to.

    Raises:
        SearchError: there is no such study.
        ArtifactError: the data are not there that the study's name depends on.
    """
    console = console or Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width; a table that is cut to 80 columns cannot be read.
        console.width = max(console.width, PIPE_COLUMNS)
    place = tuning.study_location(params, paths.study)
    found = study_overview(place, name or present(params, paths))
    draw(found, params.tune.trials, place, console)
    others = [other for other in names(place) if other != found.name]
    if others:
        console.print(Text(f"other studies: {', '.join(others[-8:])}", style="dim"))


def draw(found: StudyOverview, trials: int, place: StudyLocation, console: Console) -> None:
    """Print the facts of a study and the table of its trials.

    Args:
        found: the study.
        trials: how many are asked for.
        place: where it is kept.
        console: where to.
    """
    console.print(_facts(found, trials, str(place)))
    console.print(_table(found))


def present(params: Params, paths: Paths) -> str:
    """The name of the study that `tune` would begin or go on with now."""
    digests = {
        split: records.read(paths.split(split) / "manifest.json", SplitManifest, stage="preprocess").digest
        for split in ("train", "val")
    }
    return tuning.study_name(params, tuning.identity(params, digests, tuning.code_digest(params, paths.work)))


def _facts(found: StudyOverview, trials: int, place: str) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    states = ", ".join(f"{count} {state}" for state, count in found.states.items()) or "none"
    for label, value in {
        "study": found.name,
        "storage": place,
        "search": ", ".join(f"{key} {value}" for key, value in found.settings.items()),
        "trials": f"{states} (tune.trials is {trials})",
        "so far": found.summary,
        "seconds": f"{found.seconds:.1f}",
    }.items():
        # As text: what was logged or named may hold brackets, which rich would take for its markup.
        table.add_row(label, Text(value))
    return table


def _table(found: StudyOverview) -> Table:
    keys = list(dict.fromkeys(key for row in found.rows for key in row.values))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("trial", "state", "val_loss", "epochs", "seconds", *(key.partition(".")[2] for key in keys)):
        table.add_column(Text(heading), justify="left" if heading == "state" else "right", overflow="fold")
    table.add_column("worker", overflow="fold")
    for row in found.rows:
        cells = [str(row.number), row.state, _number(row.val_loss), str(row.epochs), _number(row.seconds, 1)]
        cells += [_value(row.values.get(key)) for key in keys]
        table.add_row(*map(Text, (*cells, _remark(row))), style="bold green" if row.number in found.front else None)
    return table


def _remark(row: TrialRow) -> str:
    is_failed = row.state == "fail" and row.reason
    return str(row.reason)[:SHOWN_REASON] if is_failed else row.worker


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _value(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
