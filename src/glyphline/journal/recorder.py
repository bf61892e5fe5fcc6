"""Recording the runs of a stage: everything goes to the journal and nowhere else."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from glyphline.journal import journal_file, lineage, run_events, run_files
from glyphline.journal.run_events import NOTE_TAG, RunEvent, Signature, Status, as_text
from glyphline.journal.system_metrics import SystemMetricsSampler
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact
from glyphline.values import Split

log = logging.getLogger(__name__)


class Projector(Protocol):
    """What shows the runs of a stage in MLflow while the stage works."""

    def warning(self) -> str | None:
        """What is wrong now and was not shown yet, for the log of the stage at its end; None when all is well."""


Launch = Callable[[Params, Paths, str], Projector]
"""Starts the projector for the journal of a stage and returns without waiting for it."""


class Run:
    """One run; its methods return at once and never wait for a tracking server.

    Attributes:
        key: identifies the run in every journal and every store.
    """

    def __init__(self, key: str, work: Path, append: Callable[[RunEvent], None]) -> None:
        self.key = key
        self.ended = False
        self._work, self._append = work, append
        self._sampler: SystemMetricsSampler | None = None
        self._has_metrics = False

    def record_system_metrics(self) -> None:
        """Record the load of the machine, now and then, until the run ends."""

        def record(values: Mapping[str, float], number: int) -> None:
            # MLflow's pages begin with the metric that a run had first, which should not be the processor's load.
            if self._has_metrics:
                self.metrics(values, step=number)

        self._sampler = SystemMetricsSampler(record)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters: flat dotted keys, as `{"train.learning_rate": 0.003}`. The first value of a key counts."""
        self._append(
            run_events.ParamsLogged(run=self.key, values={key: _plain(value) for key, value in values.items()})
        )

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record the metrics of one step, for example of an epoch; sorted by name, so that they have one order."""
        sorted_values = {name: float(values[name]) for name in sorted(values)}
        self._append(run_events.MetricsLogged(run=self.key, values=sorted_values, step=step))
        self._has_metrics = True

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags; a later value of a key replaces an earlier one."""
        self._append(
            run_events.TagsLogged(run=self.key, values={key: redact(as_text(value)) for key, value in values.items()})
        )

    def describe(self, markdown: str) -> None:
        """Give the run the text that the UI shows at its top."""
        self.tags({NOTE_TAG: markdown})

    def artifact(self, path: Path, folder: str = "") -> None:
        """Record a file among the stage's outs.

        Args:
            path: the file, written whole; it must not change any more.
            folder: where the UI shows it, for example `figures`.

        Raises:
            ArtifactError: the file is missing, or it lies outside the project.
        """
        self._append(run_events.ArtifactLogged(run=self.key, file=run_files.digest(path, self._work), folder=folder))

    def input(self, split: Split, *, context: str, dataset: str) -> None:
        """Record a split that the run reads, with the digest of all its data.

        Args:
            split: one part of the data set.
            context: `training`, `validation` or `test`.
            dataset: name of the data set.
        """
        source = f"data/processed/{split.name}"
        name = f"{dataset}-{split.name}"
        self._append(
            run_events.InputLogged(
                run=self.key, name=name, digest=split.digest, context=context, source=source, count=len(split)
            )
        )

    def model(
        self,
        path: Path,
        *,
        image_shape: tuple[int, int, int],
        classes: Sequence[str],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Record the Keras archive that the run made: uint8 images in, float32 probabilities out.

        Args:
            path: the archive, written whole.
            image_shape: (h, w, c) of one image.
            classes: names, in the order of the outputs.
            metadata: goes with the classes into the model's MLmodel file.

        Raises:
            ArtifactError: the file is missing, or it lies outside the project.
        """
        signature = Signature(input_shape=(-1, *image_shape), output_shape=(-1, len(classes)))
        described = {"classes": list(classes), "image_shape": list(image_shape), **(metadata or {})}
        file = run_files.digest(path, self._work)
        self._append(run_events.ModelLogged(run=self.key, file=file, signature=signature, metadata=described))

    def end(self, status: Status = "FINISHED") -> None:
        """End the run; a second call changes nothing. A resumed run keeps the status that it ended with before."""
        if not self.ended:
            if self._sampler is not None:
                self._sampler.stop()
            self._append(run_events.RunEnded(run=self.key, status=status))
            self.ended = True


class Recorder:
    """Starts and resumes the runs of one stage."""

    def __init__(
        self, writer: journal_file.Writer, paths: Paths, stage_lineage: run_events.LineageLogged, subject: str
    ) -> None:
        self._writer, self._paths, self._lineage, self._subject = writer, paths, stage_lineage, subject
        self._started: list[Run] = []

    def start(
        self,
        experiment: str,
        name: str | None = None,
        parent: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> Run:
        """Start a run.

        Args:
            experiment: `digits` for models, `digits/tuning` for trials.
            name: None takes the name of the DVC experiment, else the data set, the kind of the network and the time.
            parent: key of the run that this one is shown under.
            tags: in addition to the lineage, for example `glyphline.device`.
        """
        key = self._writer.new_key()
        name = name or self._lineage.facts["dvc_experiment"] or f"{self._subject}-{time.strftime('%m%d-%H%M%S')}"
        all_tags = lineage.tags(self._lineage) | {tag: redact(as_text(value)) for tag, value in (tags or {}).items()}
        self._writer.append(
            run_events.RunStarted(run=key, experiment=experiment, name=name, parent=parent, tags=all_tags)
        )
        if parent is None:
            self._writer.append(self._lineage.model_copy(update={"run": key}))
        run = self._run(key)
        self._started.append(run)
        if parent is None:
            run.record_system_metrics()
        return run

    def resume(self, key: str) -> Run:
        """Add to a run that another stage's journal began; the status that it ended with stays."""
        self._writer.append(run_events.RunResumed(run=key, experiment=_experiment_of(key, self._paths)))
        self._writer.append(self._lineage.model_copy(update={"run": key}))
        return self._run(key)

    def end_all(self, status: Status) -> None:
        """End the runs that are still open, children first."""
        for run in reversed(self._started):
            run.end(status)

    def _run(self, key: str) -> Run:
        return Run(key, self._paths.work, self._writer.append)


@contextmanager
def record(
    params: Params,
    paths: Paths,
    *,
    stage: str,
    launch: Launch,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Recorder]:
    """Record the runs of a stage in `paths.journal(stage)`, and show them in MLflow while it works.

    When the block raises, open runs end FAILED, or KILLED when it was interrupted. A tracking server that does not
    answer costs the stage no time, only a warning.

    Raises:
        TrackingError: another living process records the same stage in the same folder.
    """
    writer = journal_file.Writer.open(paths.journal(stage), stage)
    projector: Projector | None = None
    try:
        # First of all, so that it imports mlflow while the stage imports its own libraries.
        projector = launch(params, paths, stage)
        # Of `module:function` the function.
        subject = f"{params.data.dataset}-{params.model.kind.rpartition(':')[2]}"
        recorder = Recorder(writer, paths, lineage.collect(params, paths, stage, environ), subject)
        with _ending(recorder):
            yield recorder
    finally:
        writer.close()
        if projector is not None and (warning := projector.warning()):
            log.warning("%s", warning)


@contextmanager
def _ending(recorder: Recorder) -> Iterator[None]:
    status: Status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        recorder.end_all(status)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    # A NumPy scalar, which no JSON encoder takes.
    return value.item() if hasattr(value, "item") else value


def _experiment_of(key: str, paths: Paths) -> str | None:
    for path in paths.journals():
        # The first line holds the id of the journal, and its keys begin with that id: other journals are not read.
        with path.open("rb") as stream:
            if key[: journal_file.ID_CHARACTERS].encode() not in stream.readline():
                continue
        journal = journal_file.read(path)
        first = journal.runs.get(key, [None])[0] if journal else None
        if isinstance(first, run_events.RunStarted):
            return first.experiment
    return None
