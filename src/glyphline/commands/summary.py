"""The end of `make run`: the facts of the last run, read from the files of its stages."""

from rich.console import Console
from rich.text import Text

from glyphline import records, stage_times, terminal_table
from glyphline.errors import ArtifactError
from glyphline.mlflow_sync import ui_server
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best, Decision, Evaluation, Training
from glyphline.scoring.intervals import wilson


def show(params: Params, paths: Paths, console: Console | None = None) -> None:
    """Print the summary.

    Raises:
        ArtifactError: a stage has not run yet.
    """
    to = console or terminal_table.console()
    terminal_table.show_facts(to, facts(params, paths))
    # Not in the table, which would break it: a terminal opens and copies an address that it wraps itself.
    to.print(Text(_address(params, paths)), soft_wrap=True)


def facts(params: Params, paths: Paths) -> dict[str, str]:
    """Label -> text, what matters first."""
    best = records.read(paths.best, Best, stage="tune")
    training = records.read(paths.training, Training, stage="train")
    scores = records.read(paths.evaluation, Evaluation, stage="evaluate")
    decision = records.read(paths.decision, Decision, stage="register")
    trials = "none (tune.trials is 0)"
    if best.study is not None:
        trials = f"{best.complete} complete, {best.pruned} pruned, {best.failed} failed; best is trial {best.trial}"
    if lacking := [key for key in best.values if key not in training.params]:
        raise ArtifactError(
            f"{paths.training} lacks {', '.join(lacking)}, which {paths.best} has: they are of two runs",
            fix="make it again with `dvc repro train`",
        )
    return {
        "test": f"accuracy {_with_interval(scores.accuracy, scores.count)}{_balanced(scores)}",
        "validation": f"accuracy {_with_interval(training.val_accuracy, training.val_count)}",
        "network": f"{training.parameters:,} parameters, best epoch {training.best_epoch} of {training.epochs}",
        "data set": f"{training.dataset}, {training.val_count:,} validation and {scores.count:,} test images",
        "trials": trials,
        "winner": ", ".join(f"{key} {_short(training.params[key])}" for key in best.values) or "params.yaml as it is",
        "seconds": ", ".join(f"{stage} {_seconds(paths, stage)}" for stage in paths.telling_outs()),
        "registry": _registered(paths, decision),
        "look at it": f"{_server(params, paths)}, experiment {params.data.dataset}:",
    }


def _server(params: Params, paths: Paths) -> str:
    return "MLflow's server" if ui_server.remote_address(params, paths) else "make ui, which is MLflow on this machine"


def _address(params: Params, paths: Paths) -> str:
    return ui_server.remote_address(params, paths) or ui_server.address(params, paths)


def _balanced(scores: Evaluation) -> str:
    # An evaluation of an earlier release has none.
    return "" if scores.balanced_accuracy is None else f", balanced accuracy {scores.balanced_accuracy:.4f}"


def _seconds(paths: Paths, stage: str) -> str:
    seconds = _own_seconds(paths, stage)
    return "from the cache" if seconds is None else f"{seconds:.1f}"


def _own_seconds(paths: Paths, stage: str) -> float | None:
    return stage_times.seconds(paths.stage_times, stage, paths.telling_outs()[stage])


def _registered(paths: Paths, decision: Decision) -> str:
    aliases = f"registered as {', '.join(decision.aliases) or 'no alias'}"
    if _own_seconds(paths, "register") is None:
        aliases = f"{aliases} then; `glyphline models` shows the aliases of today"
    return f"{decision.name} version {decision.version} ({aliases}): {'; '.join(decision.reasons)}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_interval(accuracy: float, count: int) -> str:
    low, high = wilson(round(accuracy * count), count)
    return f"{accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}, n {count:,})"
