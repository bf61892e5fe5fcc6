"""What a stage says about its runs; every word goes to the journal and nowhere else."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from glyphline.journal import journal_file, lineage, run_events, run_files
from glyphline.journal.run_events import NOTE_TAG, RunEvent, Signature, Status
from glyphline.journal.system_metrics import SystemMetricsSampler
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact
from glyphline.values import Split

log = logging.getLogger(__name__)


class Projector(Protocol):
    """What shows the runs of a stage in MLflow while the stage works."""

    def warning(self) -> str | None:
        """What it has to complain about when the stage ends; None when all is well."""


Launch = Callable[[Params, Paths, str], Projector]
"""Starts the projector for the journal of a stage, and returns without waiting for it."""


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

    def watch_machine(self) -> None:
        """Note how busy the machine is, now and then, until the run ends."""

        def tell(values: Mapping[str, float], number: int) -> None:
            # MLflow's pages show the metric first that a run had first, and that should not be the processor's load.
            if self._has_metrics:
                self.metrics(values, step=number)

        self._sampler = SystemMetricsSampler(tell)

    def params(self, values: Mapping[str, Any]) -> None:
        """Note parameters: flat dotted keys, as `{"train.learning_rate": 0.003}`. The first value of a key stands."""
        self._append(run_events.Params(run=self.key, values={key: _plain(value) for key, value in values.items()}))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Note numbers of one step, for example of one epoch; sorted by name, so that they stand in one order."""
        plain = {name: float(values[name]) for name in sorted(values)}
        self._append(run_events.Metrics(run=self.key, values=plain, step=step))
        self._has_metrics = True

    def tags(self, values: Mapping[str, Any]) -> None:
        """Note words about the run; a later value of a key replaces an earlier one."""
        self._append(run_events.Tags(run=self.key, values={key: redact(_word(value)) for key, value in values.items()}))

    def describe(self, markdown: str) -> None:
        """Give the run the text that the UI shows at its top."""
        self.tags({NOTE_TAG: markdown})

    def artifact(self, path: Path, folder: str = "") -> None:
        """Note a file among the stage's outs.

        Args:
            path: the file, written whole; it must not change any more.
            folder: where the UI shows it, for example `figures`.

        Raises:
            ArtifactError: the file is missing, or it lies outside the project.
        """
        self._append(run_events.Artifact(run=self.key, file=run_files.mark(path, self._work), folder=folder))

    def input(self, split: Split, *, context: str, dataset: str) -> None:
        """Note a split that the run reads; its digest is ours, over all the data.

        Args:
            split: one part of the data set.
            context: `training`, `validation` or `test`.
            dataset: name of the data set.
        """
        source = f"data/processed/{split.name}"
        name = f"{dataset}-{split.name}"
        self._append(
            run_events.Input(
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
        """Note the Keras archive that the run made: uint8 images in, float32 probabilities out.

        Args:
            path: the archive, written whole.
            image_shape: (h, w, c) of one image.
            classes: names, in the order of the outputs.
            metadata: goes with the classes into the model's MLmodel file.

        Raises:
            ArtifactError: the file is missing, or it lies outside the project.
        """
        signature = Signature(input_shape=(-1, *image_shape), output_shape=(-1, len(classes)))
        known = {"classes": list(classes), "image_shape": list(image_shape), **(metadata or {})}
        file = run_files.mark(path, self._work)
        self._append(run_events.Model(run=self.key, file=file, signature=signature, metadata=known))

    def end(self, status: Status = "FINISHED") -> None:
        """Close the run; a second call changes nothing. On a resumed run this only says that no more will come."""
        if not self.ended:
            if self._sampler is not None:
                self._sampler.stop()
            self._append(run_events.End(run=self.key, status=status))
            self.ended = True


class Recorder:
    """Begins and resumes the runs of one stage."""

    def __init__(self, writer: journal_file.Writer, paths: Paths, origin: run_events.Lineage) -> None:
        self._writer, self._paths, self._origin = writer, paths, origin
        self._started: list[Run] = []

    def start(
        self,
        experiment: str,
        name: str | None = None,
        parent: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> Run:
        """Begin a run.

        Args:
            experiment: `digits` for models, `digits/tuning` for trials.
            name: None takes the name of the DVC experiment, else `workspace-` and six hexadecimal digits.
            parent: key of the run that this one is shown under.
            tags: in addition to the lineage, for example `glyphline.device`.
        """
        key = self._writer.new_key()
        name = name or self._origin.facts["dvc_experiment"] or f"workspace-{key[:6]}"
        words = lineage.tags(self._origin) | {tag: redact(_word(value)) for tag, value in (tags or {}).items()}
        self._writer.append(run_events.Start(run=key, experiment=experiment, name=name, parent=parent, tags=words))
        if parent is None:
            self._writer.append(self._origin.model_copy(update={"run": key}))
        run = self._run(key)
        self._started.append(run)
        if parent is None:
            run.watch_machine()
        return run

    def resume(self, key: str) -> Run:
        """Add to a run that another stage's journal began; how that run ended stays as it is."""
        self._writer.append(run_events.Resume(run=key, experiment=_experiment_of(key, self._paths)))
        self._writer.append(self._origin.model_copy(update={"run": key}))
        return self._run(key)

    def end_all(self, status: Status) -> None:
        """Close the runs that are still open, children first."""
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
    """Record the runs of a stage in `paths.journal(stage)` and have them shown in MLflow meanwhile.

    When the block raises, open runs end FAILED, or KILLED when it was interrupted. A tracking server that is out of
    reach costs the stage no time, only a warning at its end.

    Raises:
        TrackingError: another living process records the same stage in the same folder.
    """
    writer = journal_file.Writer.open(paths.journal(stage), stage)
    projector: Projector | None = None
    try:
        # First of all, so that its import of mlflow runs beside the stage's own imports.
        projector = launch(params, paths, stage)
        recorder = Recorder(writer, paths, lineage.collect(params, paths, stage, environ))
        with _closing(recorder):
            yield recorder
    finally:
        writer.close()
        if projector is not None and (warning := projector.warning()):
            log.warning("%s", warning)


@contextmanager
def _closing(recorder: Recorder) -> Iterator[None]:
    status: Status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        recorder.end_all(status)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    # A NumPy scalar, which no JSON encoder takes.
    return value.item() if hasattr(value, "item") else value


def _experiment_of(key: str, paths: Paths) -> str | None:
    for path in sorted(paths.stage("train").parent.glob("*/journal.jsonl")):
        # The first line names the journal, and keys begin with that name: other journals need not be read.
        with path.open("rb") as stream:
            if key[: journal_file.ID_CHARACTERS].encode() not in stream.readline():
                continue
        history = journal_file.read(path)
        first = history.runs.get(key, [None])[0] if history else None
        if isinstance(first, run_events.Start):
            return first.experiment
    return None
