"""The trials of a search as child runs of one parent."""

from collections.abc import Mapping
from typing import Any

from glyphline.journal.recorder import Recorder, Run
from glyphline.journal.run_events import Status

# MLflow's status for the state of a trial: a pruned one was stopped on purpose.
STATUS: dict[str, Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class TrialRuns:
    """Records one child run per trial.

    Args:
        recorder: of the stage.
        experiment: where the runs appear.
        parent: the run of the study.
    """

    def __init__(self, recorder: Recorder, experiment: str, parent: Run) -> None:
        self._recorder = recorder
        self._experiment = experiment
        self._parent = parent

    def begin(self, name: str, number: int, values: Mapping[str, Any], worker: str) -> "TrialRun":
        """Start the run of a trial.

        Args:
            name: `trial` of the search, or `finalist` that is fitted again.
            number: within its kind.
            values: dotted key -> value.
            worker: host and process that runs it.
        """
        tags = {f"glyphline.{name}": str(number), "glyphline.worker": worker}
        run = self._recorder.start(
            experiment=self._experiment, name=f"{name}-{number:03d}", parent=self._parent.key, tags=tags
        )
        run.params(values)
        return TrialRun(run)


class TrialRun:
    """The run of one trial."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of an epoch, given from 0; the run counts from 1, as the log does."""
        self._run.metrics(metrics, step=epoch + 1)

    def end(self, state: str, metrics: Mapping[str, float], reason: str | None) -> None:
        """Record how the trial ended; its best values have names of their own, because tables show the last value."""
        best = {"val_loss": "best_val_loss", "val_accuracy": "best_val_accuracy"}
        if metrics:
            self._run.metrics({best.get(name, name): value for name, value in metrics.items()}, step=0)
        if reason is not None:
            self._run.tags({"glyphline.reason": reason})
        self._run.end(STATUS[state])
