"""The model registry: versions, their aliases, the gate in front of `champion`, and the history of both.

MLflow is imported when a registry is first spoken to, not when this package is imported.
"""

from glyphline.registry import loading, lookup, promotion
from glyphline.registry.evidence import Evidence
from glyphline.registry.measured import Paired
from glyphline.registry.release import Candidate, known, release, restore
from glyphline.registry.session import Destination, Session, opened, seen
from glyphline.registry.signing import Keys

__all__ = [
    "Candidate",
    "Destination",
    "Evidence",
    "Keys",
    "Paired",
    "Session",
    "known",
    "loading",
    "lookup",
    "opened",
    "promotion",
    "release",
    "restore",
    "seen",
]
