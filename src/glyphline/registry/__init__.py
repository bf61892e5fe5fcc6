"""The model registry: versions, their aliases, the gate in front of `champion`, and the history of both.

MLflow is imported when a store is first connected, not when this package is imported.
"""

from glyphline.registry import promotion, verified_model, version_reference
from glyphline.registry.location import RegistryLocation
from glyphline.registry.registration import (
    EvaluatedModel,
    FinishedRun,
    register_run,
    registered_versions,
    restore_version,
)
from glyphline.registry.rescoring import rescorer
from glyphline.registry.session import Session, open_session, read_history
from glyphline.registry.signing import Keys

__all__ = [
    "EvaluatedModel",
    "FinishedRun",
    "Keys",
    "RegistryLocation",
    "Session",
    "open_session",
    "promotion",
    "read_history",
    "register_run",
    "registered_versions",
    "rescorer",
    "restore_version",
    "verified_model",
    "version_reference",
]
