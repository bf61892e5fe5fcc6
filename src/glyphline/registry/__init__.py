"""The model registry: versions, their aliases, the gate in front of `champion`, and the history of both.

MLflow is imported when a registry is first spoken to, not when this package is imported.
"""

from glyphline.registry import promotion, verified_model, version_reference
from glyphline.registry.gate_input import PairedResult
from glyphline.registry.registration import FinishedRun, register_run, registered_versions, restore_version
from glyphline.registry.run_artifacts import VersionArtifacts
from glyphline.registry.session import RegistryLocation, Session, opened, seen
from glyphline.registry.signing import Keys

__all__ = [
    "FinishedRun",
    "Keys",
    "PairedResult",
    "RegistryLocation",
    "Session",
    "VersionArtifacts",
    "opened",
    "promotion",
    "register_run",
    "registered_versions",
    "restore_version",
    "seen",
    "verified_model",
    "version_reference",
]
