"""The tables of a comparison as plain text cells, the same for terminal, Markdown and HTML."""

from collections.abc import Callable
from dataclasses import dataclass

from glyphline.commands.compare.comparison import ALPHA, Findings, Pair
from glyphline.commands.compare.references import Subject
from glyphline.records import Evaluation
from glyphline.scoring.paired_tests import Estimate

NONE = "–"
MOST_PARAM_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Grid:
    """One table.

    Attributes:
        title: above it.
        columns: headings; the first column names the rows.
        rows: cells, as long as `columns` each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def verdicts(findings: Findings) -> tuple[str, ...]:
    """One sentence per pair: who is better, by how much, and whether that may be luck."""
    return tuple(_verdict(findings, pair) for pair in findings.pairs)


def grids(findings: Findings) -> tuple[Grid, ...]:
    """Every table, in the order in which people ask."""
    return tuple(
        grid for grid in (metrics(findings), tests(findings), params(findings), origins(findings)) if grid.rows
    )


def metrics(findings: Findings) -> Grid:
    """Scores with their 95 % intervals."""
    rows = tuple((name, *(show(subject.scores) for subject in findings.subjects)) for name, show in _METRICS)
    return Grid("Metrics, with 95 % intervals", ("metric", *findings.names), rows)


def tests(findings: Findings) -> Grid:
    """The paired tests."""
    word = "p (Holm)" if findings.is_corrected else "p"
    columns = (
        "second − first",
        "accuracy, points",
        f"{word}, McNemar",
        "log loss, nats",
        f"{word}, bootstrap",
        "only one right",
    )
    rows = tuple(
        (
            f"{findings.names[pair.second]} − {findings.names[pair.first]}",
            _estimate(pair.found.accuracy, 100, 2),
            p_text(pair.accuracy_p),
            _estimate(pair.found.log_loss, 1, 4),
            p_text(pair.log_loss_p),
            f"{pair.found.only_second} against {pair.found.only_first}",
        )
        for pair in findings.pairs
    )
    return Grid(f"Paired tests on the same {findings.pairs[0].found.count:,} images", columns, rows)


def params(findings: Findings) -> Grid:
    """Parameters that differ."""
    rows = tuple((key, *map(_param, values)) for key, values in findings.params.items())
    return Grid("Parameters that differ", ("parameter", *findings.names), rows)


def origins(findings: Findings) -> Grid:
    """What made each model."""
    rows: list[tuple[str, ...]] = [(word, *(show(subject) for subject in findings.subjects)) for word, show in _ORIGINS]
    return Grid("Where they come from", ("", *findings.names), tuple(rows))


def p_text(p_value: float) -> str:
    """A p-value as people read it; below 0.001 only that it is."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _verdict(findings: Findings, pair: Pair) -> str:
    first, second = findings.names[pair.first], findings.names[pair.second]
    said = [
        _clause(
            pair.found.accuracy.value, pair.accuracy_p, "accuracy", f"{100 * abs(pair.found.accuracy.value):.2f} points"
        )
    ]
    said.append(
        _clause(-pair.found.log_loss.value, pair.log_loss_p, "log loss", f"{abs(pair.found.log_loss.value):.4f} nats")
    )
    return f"{second} against {first}: {'; '.join(said)}."


def _clause(gain: float, p_value: float, what: str, amount: str) -> str:
    if gain == 0:
        return f"{what} equal"
    word = "better" if gain > 0 else "worse"
    luck = f"p = {p_text(p_value)}".replace("= <", "<")
    if p_value > ALPHA:
        return f"{what} {word} by {amount}, which may be luck ({luck})"
    return f"{what} {word} by {amount} ({luck})"


def _estimate(found: Estimate, factor: float, places: int) -> str:
    value, low, high = (f"{factor * number:+.{places}f}" for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _param(value: str | None) -> str:
    if value is None:
        return NONE
    try:
        # Numbers that a search drew have seventeen digits.
        return f"{float(value):.6g}" if "." in value else value
    except ValueError:
        pass
    return value if len(value) <= MOST_PARAM_CHARACTERS else f"{value[: MOST_PARAM_CHARACTERS - 1]}…"


def _with_ends(value: float, low: float, high: float) -> str:
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


def _plain(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _fact(subject: Subject, *path: str) -> str:
    found: object = subject.run.facts
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return NONE if found is None else str(found)


_METRICS: tuple[tuple[str, Callable[[Evaluation], str]], ...] = (
    ("accuracy", lambda found: _with_ends(found.accuracy, found.accuracy_low, found.accuracy_high)),
    ("macro F1", lambda found: _with_ends(found.macro_f1, found.macro_f1_low, found.macro_f1_high)),
    ("log loss (nats)", lambda found: _with_ends(found.log_loss, found.log_loss_low, found.log_loss_high)),
    ("Brier score", lambda found: _plain(found.brier_score)),
    ("calibration error", lambda found: _plain(found.calibration_error)),
    ("area under risk-coverage", lambda found: f"{found.risk_coverage_area:.5f}"),
    ("accuracy, spoiled images", lambda found: _plain(found.corruption_accuracy)),
    ("worst class", lambda found: f"{found.worst_class}: {found.worst_class_recall:.4f}"),
)

_ORIGINS: tuple[tuple[str, Callable[[Subject], str]], ...] = (
    ("run", lambda subject: subject.run.name),
    ("run key", lambda subject: subject.run.key[:16]),
    ("git commit", lambda subject: _fact(subject, "git", "commit")[:12]),
    ("uncommitted changes", lambda subject: {"True": "yes", "False": "no"}.get(_fact(subject, "git", "dirty"), NONE)),
    ("DVC experiment", lambda subject: _fact(subject, "dvc_experiment")),
    ("seed", lambda subject: _fact(subject, "seed")),
    ("weights", lambda subject: subject.scores.weights_digest[:12]),
)
