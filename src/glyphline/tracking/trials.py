"""The trials of a search as child runs of one parent."""

from collections.abc import Mapping
from typing import Any

from glyphline.tracking.events import Status
from glyphline.tracking.recorder import Recorder, Run

# What MLflow has for the states of a trial: a pruned one was stopped on purpose.
STATUS: dict[str, Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class TrialRuns:
    """Writes one child run per trial.

    Args:
        recorder: of the stage.
        experiment: where the runs appear.
        parent: the run of the study.
    """

    def __init__(self, recorder: Recorder, experiment: str, parent: Run) -> None:
        self._recorder = recorder
        self._experiment = experiment
        self._parent = parent

    def begin(self, number: int, values: Mapping[str, Any]) -> "TrialRun":
        """Start the run of a trial."""
        name = f"trial-{number:03d}"
        tags = {"glyphline.trial": str(number)}
        run = self._recorder.start(experiment=self._experiment, name=name, parent=self._parent.key, tags=tags)
        run.params(values)
        return TrialRun(run)


class TrialRun:
    """The run of one trial."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of an epoch."""
        self._run.metrics(metrics, step=epoch)

    def end(self, state: str, value: float | None, reason: str | None) -> None:
        """Record how the trial ended; the best loss under its own name, because tables show the last value."""
        if value is not None:
            self._run.metrics({"best_val_loss": value}, step=0)
        if reason is not None:
            self._run.tags({"glyphline.reason": reason})
        self._run.end(STATUS[state])
