"""The search for good parameters: the only room that knows Optuna."""

from glyphline.tuning.identity import code_digest, identity, study_name
from glyphline.tuning.report import SearchResult, tables
from glyphline.tuning.search import search
from glyphline.tuning.space_check import check_space
from glyphline.tuning.storage import StudyLocation, study_location
from glyphline.tuning.trial import Objective, TooLargeError, TrialSpec
from glyphline.tuning.watcher import TrialWatcher, Watcher

__all__ = [
    "Objective",
    "SearchResult",
    "StudyLocation",
    "TooLargeError",
    "TrialSpec",
    "TrialWatcher",
    "Watcher",
    "check_space",
    "code_digest",
    "identity",
    "search",
    "study_location",
    "study_name",
    "tables",
]
