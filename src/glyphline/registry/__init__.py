"""The model registry: versions, their aliases, and the gate in front of `champion`.

MLflow is imported when a registry is first spoken to, not when this package is imported.
"""

from glyphline.registry import lookup
from glyphline.registry.release import Candidate, Destination, release, restore

__all__ = ["Candidate", "Destination", "lookup", "release", "restore"]
