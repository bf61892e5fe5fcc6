"""Find the runs of a store by their keys, with few requests."""

import json
from typing import Any

from mlflow.entities import Run, ViewType

from glyphline.journal.journal_file import Journal
from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_client import pages
from glyphline.mlflow_sync.store import Store

SENT_TAG = "glyphline.sent"
MISSING_TAG = "glyphline.missing"
PAGE = 1000


class RunIndex:
    """The runs of a store, by key.

    Another process may change the store while the lock is free, so that a run is up to date only until the next
    `begin`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Run] = {}
        self._fresh: set[str] = set()
        self._searched_journals: set[str] = set()

    def begin(self, journal: Journal) -> None:
        """Start sending a journal; the caller holds the lock."""
        self._fresh.clear()
        if journal.id in self._searched_journals:
            return
        self._searched_journals.add(journal.id)
        # One request for all the runs that the journal began: their keys begin with its id.
        for run in self._search(f"tags.`{KEY_TAG}` LIKE '{journal.id}%'", self._all_experiments()):
            self._known[run.data.tags[KEY_TAG]] = run
        self._fresh |= {key for key in journal.runs if key.startswith(journal.id)}

    def find(self, key: str, experiment: str | None = None) -> Run | None:
        """The run of a key, deleted or not; None when the store has none.

        Args:
            key: of the run.
            experiment: its name, where that is known; else all experiments are searched.

        Raises:
            ExperimentDeletedError: the run is not known yet, and somebody has deleted its experiment.
        """
        if key not in self._fresh:
            known = self._known.get(key)
            if known is not None:
                self._known[key] = self._store.client.get_run(known.info.run_id)
            else:
                ids = [self._store.experiment(experiment)] if experiment else self._all_experiments()
                for run in self._search(f"tags.`{KEY_TAG}` = '{key}'", ids):
                    self._known[key] = run
            self._fresh.add(key)
        return self._known.get(key)

    def add(self, key: str, run: Run) -> None:
        """Remember a run that was just made."""
        self._known[key] = run
        self._fresh.add(key)

    def _all_experiments(self) -> list[str]:
        # MLflow deletes the runs of an experiment with it; they must be found as deleted, not as missing.
        return [*self._store.experiments(deleted=True)]

    def _search(self, condition: str, experiment_ids: list[str]) -> list[Run]:
        if not experiment_ids:
            return []
        search = self._store.client.search_runs
        return [*pages(search, experiment_ids, condition, run_view_type=ViewType.ALL, max_results=PAGE)]


def json_tag(run: Run, tag: str) -> dict[str, Any]:
    """The JSON object in a tag of a run; empty when there is none, or none that can be read."""
    # What the tags say was sent is sent again then, which adds nothing.
    try:
        value = json.loads(run.data.tags.get(tag, "{}"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
