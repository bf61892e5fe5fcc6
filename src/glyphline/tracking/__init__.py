"""Runs: written to a journal by the stage, shown in MLflow by a projector, replayed by `glyphline sync`.

Nothing here imports mlflow; it is loaded by what talks to a store, and by the projector in a process of its own.
"""

from glyphline.tracking.recording.events import Signature
from glyphline.tracking.recording.journal import last_key
from glyphline.tracking.recording.origin import origin
from glyphline.tracking.recording.recorder import Recorder, Run, record
from glyphline.tracking.sync import Projected, SyncReport, check_experiment, flush, sync

__all__ = [
    "Projected",
    "Recorder",
    "Run",
    "Signature",
    "SyncReport",
    "check_experiment",
    "flush",
    "last_key",
    "origin",
    "record",
    "sync",
]
