"""The tables of a comparison as plain text cells, the same for terminal, Markdown and HTML."""

from collections.abc import Callable
from dataclasses import dataclass

from glyphline.commands.compare.comparison import ALPHA, Comparison, Pair
from glyphline.commands.compare.references import ComparedModel
from glyphline.records import Evaluation
from glyphline.scoring.paired_tests import Difference

NONE = "–"
MOST_PARAM_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class TextTable:
    """One table.

    Attributes:
        title: shown above it.
        columns: headings; the first column names the rows.
        rows: cells, one per column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def verdicts(comparison: Comparison) -> tuple[str, ...]:
    """One sentence per pair: which model is better, by how much, and whether that may be luck."""
    return tuple(_verdict(comparison, pair) for pair in comparison.pairs)


def text_tables(comparison: Comparison) -> tuple[TextTable, ...]:
    """Every table that has rows."""
    return tuple(
        table
        for table in (metrics(comparison), tests(comparison), params(comparison), origins(comparison))
        if table.rows
    )


def metrics(comparison: Comparison) -> TextTable:
    """Scores with their 95 % intervals."""
    rows = tuple((name, *(show(model.scores) for model in comparison.models)) for name, show in _METRICS)
    return TextTable("Metrics, with 95 % intervals", ("metric", *comparison.names), rows)


def tests(comparison: Comparison) -> TextTable:
    """The paired tests."""
    word = "p (Holm)" if comparison.is_corrected else "p"
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
            f"{comparison.names[pair.second]} − {comparison.names[pair.first]}",
            _difference(pair.tests.accuracy, 100, 2),
            p_text(pair.accuracy_p),
            _difference(pair.tests.log_loss, 1, 4),
            p_text(pair.log_loss_p),
            f"{pair.tests.only_second} against {pair.tests.only_first}",
        )
        for pair in comparison.pairs
    )
    return TextTable(f"Paired tests on the same {comparison.pairs[0].tests.count:,} images", columns, rows)


def params(comparison: Comparison) -> TextTable:
    """Parameters that differ."""
    rows = tuple((key, *map(_param, values)) for key, values in comparison.params.items())
    return TextTable("Parameters that differ", ("parameter", *comparison.names), rows)


def origins(comparison: Comparison) -> TextTable:
    """The run, the code and the seed that made each model."""
    rows: list[tuple[str, ...]] = [(word, *(show(model) for model in comparison.models)) for word, show in _ORIGINS]
    return TextTable("Where they come from", ("", *comparison.names), tuple(rows))


def p_text(p_value: float) -> str:
    """A p-value with three decimals; `< 0.001` below that."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _verdict(comparison: Comparison, pair: Pair) -> str:
    first, second = comparison.names[pair.first], comparison.names[pair.second]
    accuracy, log_loss = pair.tests.accuracy.value, pair.tests.log_loss.value
    clauses = (
        _clause(accuracy, pair.accuracy_p, "accuracy", f"{100 * abs(accuracy):.2f} points"),
        _clause(-log_loss, pair.log_loss_p, "log loss", f"{abs(log_loss):.4f} nats"),
    )
    return f"{second} against {first}: {'; '.join(clauses)}."


def _clause(gain: float, p_value: float, what: str, amount: str) -> str:
    if gain == 0:
        return f"{what} equal"
    word = "better" if gain > 0 else "worse"
    luck = f"p = {p_text(p_value)}".replace("= <", "<")
    if p_value > ALPHA:
        return f"{what} {word} by {amount}, which may be luck ({luck})"
    return f"{what} {word} by {amount} ({luck})"


def _difference(result: Difference, factor: float, places: int) -> str:
    value, low, high = (f"{factor * number:+.{places}f}" for number in (result.value, result.low, result.high))
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


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return NONE
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"


def _plain(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _fact(model: ComparedModel, *path: str) -> str:
    fact: object = model.run.facts
    for key in path:
        fact = fact.get(key) if isinstance(fact, dict) else None
    return NONE if fact is None else str(fact)


_METRICS: tuple[tuple[str, Callable[[Evaluation], str]], ...] = (
    ("accuracy", lambda scores: _with_interval(scores.accuracy, scores.accuracy_interval)),
    ("balanced accuracy", lambda scores: _with_interval(scores.balanced_accuracy, scores.balanced_accuracy_interval)),
    ("macro F1", lambda scores: _with_interval(scores.macro_f1, scores.macro_f1_interval)),
    ("log loss (nats)", lambda scores: _with_interval(scores.log_loss, scores.log_loss_interval)),
    ("Brier score", lambda scores: _plain(scores.brier_score)),
    ("calibration error", lambda scores: _plain(scores.calibration_error)),
    ("area under risk-coverage", lambda scores: f"{scores.risk_coverage_area:.5f}"),
    ("accuracy when corrupted", lambda scores: _plain(scores.corruption_accuracy)),
    ("worst class", lambda scores: f"{scores.worst_class}: {scores.worst_class_recall:.4f}"),
)

_ORIGINS: tuple[tuple[str, Callable[[ComparedModel], str]], ...] = (
    ("run", lambda model: model.run.name),
    ("run key", lambda model: model.run.key[:16]),
    ("git commit", lambda model: _fact(model, "git", "commit")[:12]),
    ("uncommitted changes", lambda model: {"True": "yes", "False": "no"}.get(_fact(model, "git", "dirty"), NONE)),
    ("DVC experiment", lambda model: _fact(model, "dvc_experiment")),
    ("seed", lambda model: _fact(model, "seed")),
    ("weights", lambda model: model.scores.weights_digest[:12]),
)
