"""One part of a model's log: an MLflow run whose parameters are its entries.

MLflow lets a parameter of a run be written once: its table has a unique key, a second value for it is refused by every
kind of store and by the server, and nothing in the interface takes one back. So `write` is a compare-and-set between
any number of machines: of all who want to write under one key, one succeeds.

`event.00000017` holds entry 17. In a segment that is full, the key of the entry that would come next holds the link to
the next segment instead. An entry and a link want the same key, and so no writer can add an entry to a segment that
another one has closed, however many entries each of them thinks that a segment takes. `shown.00000017` holds the writer
that set the aliases to what entry 17 led to. No writer adds an entry or a link before the entry before it is shown; so
nothing more is written to a segment that has a link.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException

from glyphline.errors import RegistryError

EXPERIMENT = "registry"
MODEL_TAG = "glyphline.history_of"
RUN_TAG = "history"
"""Of a version and of a registered model: the run of the first segment."""
_ENTRY = "event."
_SHOWN = "shown."
_LINK = "continued_in"
_DIGITS = 8
OF_STORE = ", where MLFLOW_TRACKING_URI names the store"
NOTE = (
    "Everything that ever happened to the versions of **{name}**: each parameter `event.*` is one entry, in order; the"
    " last one of a full run names the run where it goes on. `glyphline history` shows it. Do not delete this run: it"
    " is what says which version is champion, and why."
)


@dataclass(frozen=True, slots=True)
class SegmentContent:
    """The entries of a segment at one moment.

    Attributes:
        entries: in order, without a gap, not decoded.
        shown_by: place of an entry -> id of the writer that set the aliases to what it led to.
        link: the run of the next segment; None while this one is the last.
    """

    entries: tuple[str, ...]
    shown_by: Mapping[int, str]
    link: str | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a model's log.

    Attributes:
        client: an `MlflowClient`.
        name: of the registered model.
        run_id: of the run.
        first: place of its first entry.
    """

    client: Any
    name: str
    run_id: str
    first: int

    def read(self) -> SegmentContent:
        """Everything in it, with one request.

        Raises:
            RegistryError: it was damaged.
        """
        run = self.client.get_run(self.run_id)
        params = run.data.params
        keys = sorted(key for key in params if key.startswith(_ENTRY))
        if keys != [_entry(self.first + place) for place in range(len(keys))]:
            raise damaged(self.name, f"entries are missing in run {self.run_id}")
        if (found := _fault_of(self.client, run, self.name)) is not None:
            raise found
        entries = [params[key] for key in keys]
        link = _linked(entries[-1]) if entries else None
        shown = {int(key.removeprefix(_SHOWN)): by for key, by in params.items() if key.startswith(_SHOWN)}
        return SegmentContent(tuple(entries if link is None else entries[:-1]), shown, link)

    def add(self, seq: int, entry: str) -> bool:
        """Write an entry; false when something else is in its place."""
        return self._write(_entry(seq), entry)

    def close(self, seq: int, run_id: str) -> bool:
        """Link to another run, where entry `seq` will be; false when something else is in that place."""
        return self._write(_entry(seq), json.dumps({_LINK: run_id}))

    def note_shown(self, seq: int, by: str) -> bool:
        """Note that the aliases show the state after an entry; false when another writer noted it first."""
        return self._write(f"{_SHOWN}{seq:0{_DIGITS}}", by)

    def _write(self, key: str, value: str) -> bool:
        try:
            self.client.log_param(self.run_id, key, value, synchronous=True)
        except MlflowException as error:
            # Whatever the error says: what the log holds now is what counts, also when the answer was lost.
            present = self.client.get_run(self.run_id).data.params.get(key)
            if present is None:
                raise error from None
            return bool(present == value)
        return True


def create(client: Any, name: str, first: int = 1) -> str:
    """Make the run for a segment that may be needed; returns its id.

    Until a version or a link names it, it is no part of any log, and it stays none when the process ends before that.
    """
    try:
        experiment_id = client.create_experiment(
            EXPERIMENT, tags={"mlflow.note.content": "The histories of the registered models."}
        )
    except MlflowException:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            raise
        if experiment.lifecycle_stage != "active":
            command = f"experiments restore --experiment-id {experiment.experiment_id}"
            raise RegistryError(
                f"the experiment `{EXPERIMENT}` is deleted", fix=f"restore it with `mlflow {command}`{OF_STORE}"
            ) from None
        experiment_id = experiment.experiment_id
    title = f"history of {name}" + (f", from entry {first}" if first > 1 else "")
    tags = {MODEL_TAG: name, "mlflow.note.content": NOTE.format(name=name)}
    run = client.create_run(experiment_id, run_name=title, tags=tags)
    client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def fault(client: Any, run_id: str, name: str) -> RegistryError | None:
    """The error about a run that should hold a part of a model's log and does not; None when it does."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        return RegistryError(
            f"the history of {name} is lost: run {run_id} is not in the store; `mlflow gc` removed it, or somebody"
            " edited the tag `history`",
            fix=f"put the tag back if it was edited; else delete the registered model {name} in MLflow's UI and bring"
            " its versions back with `glyphline sync`",
        )
    return _fault_of(client, run, name)


def _fault_of(client: Any, run: Any, name: str) -> RegistryError | None:
    owner, info = run.data.tags.get(MODEL_TAG), run.info
    if owner is None:
        return damaged(name, f"run {info.run_id} is no history")
    if owner != name:
        present = client.search_registered_models(f"name = '{owner}'", max_results=1)
        if present and present[0].tags.get(RUN_TAG) == info.run_id:
            return RegistryError(
                f"{name} holds copies of versions of {owner}", fix=f"`glyphline models {owner}` shows the versions"
            )
        first = f"give the new {owner} another name or delete it, and then " if present else ""
        return RegistryError(
            f"{name} has the history of {owner}: the registered model was renamed",
            fix=f"{first}rename {name} back to {owner} in MLflow's UI",
        )
    if info.lifecycle_stage == "active":
        return None
    what, command = f"run {info.run_id}, which holds a part of it, is deleted", f"runs restore --run-id {info.run_id}"
    # The runs of an experiment are deleted and restored with it.
    if client.get_experiment(info.experiment_id).lifecycle_stage != "active":
        what = f"{what}, with the experiment `{EXPERIMENT}`"
        command = f"experiments restore --experiment-id {info.experiment_id}"
    return RegistryError(
        f"the history of {name} cannot be read: {what}", fix=f"restore it with `mlflow {command}`{OF_STORE}"
    )


def damaged(name: str, why: str) -> RegistryError:
    """The error about a log that cannot be read."""
    return RegistryError(
        f"the history of {name} cannot be read: {why}",
        fix=f"restore the run `history of {name}` in the experiment `{EXPERIMENT}`, use the release that wrote it, or"
        " restore the store from a backup",
    )


def _entry(seq: int) -> str:
    return f"{_ENTRY}{seq:0{_DIGITS}}"


def _linked(text: str) -> str | None:
    # No entry has this member: entries are closed types.
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content.get(_LINK) if isinstance(content, dict) else None
