"""Find the runs of a store by our keys, with few requests."""

import json
from typing import Any

from mlflow.entities import Run, ViewType

from glyphline.journal.journal_file import History
from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_sync.store import Store

SENT_TAG = "glyphline.sent"
MISSING_TAG = "glyphline.missing"
PAGE = 1000


class RunIndex:
    """What the store holds of our runs.

    Another process may change the store whenever the lock is free, so what is known counts as fresh only until the
    next `begin`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Run] = {}
        self._fresh: set[str] = set()
        self._swept: set[str] = set()

    def begin(self, history: History) -> None:
        """Start a pass over a journal, with the lock held."""
        self._fresh.clear()
        if history.id in self._swept:
            return
        self._swept.add(history.id)
        # One request for all the runs that the journal began: their keys begin with its id.
        for run in self._search(f"tags.`{KEY_TAG}` LIKE '{history.id}%'", self._everywhere()):
            self._known[run.data.tags[KEY_TAG]] = run
        self._fresh |= {key for key in history.runs if key.startswith(history.id)}

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
                ids = [self._store.experiment(experiment)] if experiment else self._everywhere()
                for run in self._search(f"tags.`{KEY_TAG}` = '{key}'", ids):
                    self._known[key] = run
            self._fresh.add(key)
        return self._known.get(key)

    def add(self, key: str, run: Run) -> None:
        """Remember a run that was just made."""
        self._known[key] = run
        self._fresh.add(key)

    def _everywhere(self) -> list[str]:
        # MLflow deletes the runs of an experiment with it; they must be known as deleted, not as missing.
        return self._store.experiment_ids(deleted=True)

    def _search(self, condition: str, experiment_ids: list[str]) -> list[Run]:
        runs: list[Run] = []
        token: str | None = None
        while experiment_ids:
            page = self._store.client.search_runs(
                experiment_ids, condition, run_view_type=ViewType.ALL, max_results=PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                break
        return runs


def sent_counts(run: Run, tag: str) -> dict[str, Any]:
    """The JSON object in a tag of a run; empty when there is none."""
    found: dict[str, Any] = json.loads(run.data.tags.get(tag, "{}"))
    return found
