"""Runs in MLflow: a projector sends them while a stage writes its journal, and `glyphline sync` sends what is missing.

Importing this package does not import mlflow; the functions that talk to a store do.
"""

from glyphline.mlflow_sync.sync import SentRun, SyncReport, check_experiment, flush, sync

__all__ = ["SentRun", "SyncReport", "check_experiment", "flush", "sync"]
