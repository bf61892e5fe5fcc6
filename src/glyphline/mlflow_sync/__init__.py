"""Runs in MLflow: shown by a projector while a stage writes its journal, replayed by `glyphline sync`.

Nothing here imports mlflow; it is loaded by what talks to a store, and by the projector in a process of its own.
"""

from glyphline.mlflow_sync.sync import Projected, SyncReport, check_experiment, flush, sync

__all__ = ["Projected", "SyncReport", "check_experiment", "flush", "sync"]
