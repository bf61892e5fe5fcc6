"""The search for good parameters: the only room that knows Optuna."""

from glyphline.tuning.desk import TrialWatcher, Watcher
from glyphline.tuning.identity import code_digest, identity, study_name
from glyphline.tuning.report import Outcome, tables
from glyphline.tuning.search import search
from glyphline.tuning.storage import Place, place
from glyphline.tuning.trial import Job, Objective, TooLargeError

__all__ = [
    "Job",
    "Objective",
    "Outcome",
    "Place",
    "TooLargeError",
    "TrialWatcher",
    "Watcher",
    "code_digest",
    "identity",
    "place",
    "search",
    "study_name",
    "tables",
]
