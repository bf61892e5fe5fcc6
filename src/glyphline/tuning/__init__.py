"""The search for good parameters: the only room that knows Optuna."""

from glyphline.tuning.search import Outcome, TrialWatcher, Watcher, search

__all__ = ["Outcome", "TrialWatcher", "Watcher", "search"]
