"""Scores that several rooms share: probabilities, intervals, losses, predictions, paired tests. Pure functions."""

from glyphline.scoring import intervals, losses, paired_tests, predictions, probabilities

__all__ = ["intervals", "losses", "paired_tests", "predictions", "probabilities"]
