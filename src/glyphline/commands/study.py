"""What `glyphline study` prints: the state of a search and its trials, while it runs or afterwards."""

from rich.console import Console
from rich.text import Text

from glyphline import records, terminal_table, tuning
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import SplitManifest
from glyphline.terminal_table import Column
from glyphline.tuning import StudyLocation
from glyphline.tuning.overview import StudyOverview, TrialRow, study_names, study_overview

SHOWN_REASON = 60


def show(params: Params, paths: Paths, name: str | None = None, console: Console | None = None) -> None:
    """Print a study.

    Args:
        params: they decide the storage, and the study when `name` is None.
        paths: of the project.
        name: of a study; None for the study that `tune` would continue.
        console: to print to.

    Raises:
        SearchError: there is no such study.
        ArtifactError: the study's name depends on the data, and they are missing.
    """
    console = console or terminal_table.console()
    location = tuning.study_location(params, paths.study)
    overview = study_overview(location, name or current_study(params, paths))
    draw(overview, params.tune.trials, location, console)
    others = [other for other in study_names(location) if other != overview.name]
    if others:
        console.print(Text(f"other studies: {', '.join(others[-8:])}", style="dim"))


def draw(overview: StudyOverview, trials: int, location: StudyLocation, console: Console) -> None:
    """Print the facts of a study and the table of its trials.

    Args:
        overview: of the study.
        trials: how many the parameters ask for.
        location: of the study.
        console: to print to.
    """
    terminal_table.show_facts(console, _facts(overview, trials, str(location)))
    _show_trials(overview, console)


def current_study(params: Params, paths: Paths) -> str:
    """The name of the study that `tune` would start or continue now."""
    digests = {
        split: records.read(paths.split(split) / "manifest.json", SplitManifest, stage="preprocess").digest
        for split in ("train", "val")
    }
    return tuning.study_name(params, tuning.identity(params, digests, tuning.code_digest(params, paths.work)))


def _facts(overview: StudyOverview, trials: int, location: str) -> dict[str, str]:
    states = ", ".join(f"{count} {state}" for state, count in overview.states.items()) or "none"
    return {
        "study": overview.name,
        "storage": location,
        "search": ", ".join(f"{key} {value}" for key, value in overview.settings.items()),
        "trials": f"{states} (tune.trials is {trials})",
        "so far": overview.summary,
        "seconds": f"{overview.seconds:.1f}",
    }


def _show_trials(overview: StudyOverview, console: Console) -> None:
    keys = list(dict.fromkeys(key for row in overview.rows for key in row.values))
    headings = ("trial", "state", "best_val_loss", "epochs", "seconds", *(key.partition(".")[2] for key in keys))
    columns = [
        Column(heading, right=heading != "state", optional=heading in {"epochs", "seconds"}) for heading in headings
    ]
    columns.append(Column("worker", words=True, optional=True))
    rows = [
        (
            str(row.number), row.state, _number(row.val_loss), str(row.epochs), _number(row.seconds, 1),
            *(_value(row.values.get(key)) for key in keys), _remark(row),
        )
        for row in overview.rows
    ]  # fmt: skip
    styles = {place: "bold green" for place, row in enumerate(overview.rows) if row.number in overview.front}
    terminal_table.show_rows(console, columns, rows, styles=styles)


def _remark(row: TrialRow) -> str:
    is_failed = row.state == "fail" and row.reason
    return str(row.reason)[:SHOWN_REASON] if is_failed else row.worker


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _value(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
