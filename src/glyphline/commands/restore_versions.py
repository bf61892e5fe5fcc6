"""`sync`: a registry that was lost comes back, with the versions of the workspace, past commits and experiments."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from glyphline import journal, records, registry
from glyphline.errors import PipelineError, RegistryError, TrackingError
from glyphline.journal.run_files import FileLocator
from glyphline.mlflow_sync import journal_sources
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Decision
from glyphline.stages import register

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> list[Decision]:
    """Register again, in their old order, the models that the history does not know.

    What a person did in the lost registry, a promotion by hand or a rollback, was written nowhere else and is gone.

    A release whose files cannot be read is left out with a warning.

    Returns:
        The decisions with the versions and the aliases of now.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    restored: dict[str, list[Decision]] = {}
    with tempfile.TemporaryDirectory(prefix="glyphline-restoring-") as scratch:
        # One per run: the gate may have been asked again about the same one.
        released = {key: (decision, place) for key, decision, place in _released(paths, Path(scratch))}
        wanted = Counter((decision.name, decision.weights_digest) for decision, _ in released.values())
        there = {
            name: registry.registered_versions(replace(register.destination(params, paths), name=name))
            for name, _ in wanted
        }
        for decision, place in sorted(released.values(), key=lambda one: one[0].version):
            digest, name = decision.weights_digest, decision.name
            if wanted[name, digest] <= there[name][digest]:
                continue
            before = [one.version for one in restored.setdefault(name, [])]
            with _skipped():
                if (again := register.restore(params, place, decision, after=before)) is not None:
                    restored[name].append(again)
    return [decision for decisions in restored.values() for decision in decisions]


def _released(paths: Paths, scratch: Path) -> Iterator[tuple[str, Decision, Paths]]:
    """Keys of runs, decisions and the paths where the files are; of two about one model, the later one comes later."""
    past = [*journal_sources.releases(paths, FileLocator.of(paths.work, paths.home))]
    for number, files in enumerate(reversed(past)):
        place = Paths(work=scratch / str(number), home=paths.home)
        for path, file in files.items():
            link = place.work / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
        yield from _decided(place)
    yield from _decided(paths)


def _decided(place: Paths) -> Iterator[tuple[str, Decision, Paths]]:
    needed = (place.training, place.evaluation, place.cost, place.predictions, place.model_card, place.journal("train"))
    if not place.decision.is_file() or not all(path.is_file() for path in needed):
        return
    with _skipped():
        decision = records.read(place.decision, Decision, stage="register")
        yield journal.last_key(place.journal("train")), decision, place


@contextmanager
def _skipped() -> Iterator[None]:
    """Leave out a release whose files are damaged or older than this program; the next may be the champion's."""
    try:
        yield
    except (TrackingError, RegistryError):
        # The store's own failures: the next release would meet them too.
        raise
    except PipelineError as error:
        log.warning("a release was left out: %s\nfix: %s", error.problem, error.fix)
