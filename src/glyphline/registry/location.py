"""Which registered model, in which store, and which rules apply to processes that change it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from glyphline.mlflow_client import project_store
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.registry.log_events import ENTRIES_PER_RUN
from glyphline.registry.version_reference import parse_reference

LEASE_S = 20.0
"""How long the writer of an entry on another machine may take to set the aliases before another process does."""
UNFINISHED_S = 600.0


@dataclass(frozen=True, slots=True)
class RegistryLocation:
    """Which registered model, in which store.

    Attributes:
        uri: database or server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.
        lock: file that serialises the processes of this machine that change it; it also holds the machine's identity.
        lease_s: how long a process of another machine may leave a change unfinished.
        unfinished_s: how long it may take to judge a version after it was made.
        entries_per_run: how much of the history one run takes.
    """

    uri: str
    name: str
    timeout_s: float
    lock: Path
    lease_s: float = LEASE_S
    unfinished_s: float = UNFINISHED_S
    entries_per_run: int = ENTRIES_PER_RUN

    @property
    def scratch(self) -> Path:
        """Parent of the folders that are needed for a moment."""
        return self.lock.parent / "scratch"

    @classmethod
    def of(cls, params: Params, paths: Paths) -> Self:
        """The model of a project, in the project's store.

        Raises:
            TrackingError: the store's URI cannot be read, or there are two local stores.
        """
        uri = project_store(params, paths).text
        return cls(uri, params.model_name, params.tracking.timeout_s, paths.mlruns / "registry.lock")

    def of_reference(self, reference: str) -> Self:
        """The model that a reference to a version names; this one when it names none.

        Args:
            reference: `models:/NAME/3`, `NAME@champion`, or one without a name.
        """
        version = parse_reference(reference, self.name)
        return self if version is None else replace(self, name=version.name)
