"""The log of a model: append-only, in the store itself, one entry per parameter of an MLflow run.

MLflow lets a parameter of a run be written once: its table has a unique key, a second value for it is refused by every
kind of store and by the server, and nothing in the interface takes one back. So `append` is a compare-and-set between
any number of machines: of all who want to write entry 17, one succeeds. docs/decisions/ says why it is built like this.
"""

from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException

from glyphline.errors import RegistryError
from glyphline.registry import events
from glyphline.registry.events import Event

EXPERIMENT = "registry"
MODEL_TAG = "glyphline.history_of"
RUN_TAG = "history"
_ENTRY = "event."
_DONE = "shown."
_DIGITS = 8
NOTE = (
    "Everything that ever happened to the versions of **{name}**: each parameter `event.*` is one entry, in order."
    " `glyphline history` shows it. Do not delete this run: it is what says which version is champion, and why."
)


@dataclass(frozen=True, slots=True)
class Entries:
    """The log as it was at one moment.

    Attributes:
        events: in order, without a gap.
        shown_by: place of an entry -> id of the writer that brought the aliases in line with it.
    """

    events: tuple[Event, ...]
    shown_by: dict[int, str]


class Log:
    """One model's log.

    Args:
        client: an `MlflowClient`.
        run_id: the run that holds it.
        name: of the registered model.
    """

    def __init__(self, client: Any, run_id: str, name: str) -> None:
        self.run_id = run_id
        self._client, self._name = client, name

    def read(self) -> Entries:
        """All entries.

        Raises:
            RegistryError: the log was damaged.
        """
        run = self._client.get_run(self.run_id)
        held = run.data.params
        found = [decoded(held[key], self._name) for key in sorted(key for key in held if key.startswith(_ENTRY))]
        if [event.seq for event in found] != list(range(1, len(found) + 1)) or (
            run.data.tags.get(MODEL_TAG) != self._name
        ):
            raise damaged(self._name, "entries are missing or it belongs to another model")
        shown = {int(key.removeprefix(_DONE)): by for key, by in held.items() if key.startswith(_DONE)}
        return Entries(tuple(found), shown)

    def append(self, event: Event) -> bool:
        """Write an entry at `event.seq`; false when another writer was there first."""
        return self._write(f"{_ENTRY}{event.seq:0{_DIGITS}}", events.encode(event))

    def note_shown(self, seq: int, by: str) -> bool:
        """Note that the aliases show the state after an entry; false when another writer noted it first."""
        return self._write(f"{_DONE}{seq:0{_DIGITS}}", by)

    def _write(self, key: str, value: str) -> bool:
        try:
            self._client.log_param(self.run_id, key, value, synchronous=True)
        except MlflowException as error:
            # Whatever the error says: what stands in the log now is what counts, also when the answer was lost.
            held = self._client.get_run(self.run_id).data.params.get(key)
            if held is None:
                raise error from None
            return bool(held == value)
        return True


def create(client: Any, name: str) -> str:
    """Make the run for a log that may be needed; returns its id."""
    try:
        experiment_id = client.create_experiment(
            EXPERIMENT, tags={"mlflow.note.content": "The histories of the registered models, a run per model."}
        )
    except MlflowException:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            raise
        experiment_id = found.experiment_id
    tags = {MODEL_TAG: name, "mlflow.note.content": NOTE.format(name=name)}
    run = client.create_run(experiment_id, run_name=f"history of {name}", tags=tags)
    client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def find(client: Any, name: str) -> str | None:
    """The run that holds the log of a model, by the tag of its oldest version; None when no version has one.

    A version gets the tag in the request that makes it, and numbers are given out in order. So the oldest version
    settles which run it is, however many were made at once.
    """
    versions = client.search_model_versions(f"name = '{name}'", max_results=10_000)
    runs = [version.tags[RUN_TAG] for version in sorted(versions, key=_number) if version.tags.get(RUN_TAG)]
    for run_id in dict.fromkeys(runs):
        if _is_log(client, run_id, name):
            return str(run_id)
    if runs:
        raise damaged(name, "the run that holds it is deleted, or the tag `history` of the versions was edited")
    return None


def _is_log(client: Any, run_id: str, name: str) -> bool:
    try:
        run = client.get_run(run_id)
    except MlflowException:
        return False
    return bool(run.info.lifecycle_stage == "active" and run.data.tags.get(MODEL_TAG) == name)


def decoded(text: str, name: str) -> Event:
    """An entry of the log.

    Raises:
        RegistryError: it is none, or one that a later release wrote.
    """
    try:
        return events.decode(text)
    except ValueError as error:
        raise damaged(name, " ".join(str(error).split())[:120]) from None


def damaged(name: str, why: str) -> RegistryError:
    """The error about a log that cannot be read."""
    return RegistryError(
        f"the history of {name} cannot be read: {why}",
        fix=f"restore the run `history of {name}` in the experiment `{EXPERIMENT}`, or use the release that wrote it",
    )


def _number(version: Any) -> int:
    return int(version.version)
