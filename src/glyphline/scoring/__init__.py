"""What evaluation, registry and commands share about scores; below all of them, and free to use SciPy.

Checks of probabilities, intervals, losses per image, the file of predictions, and paired tests of two models.
"""

from glyphline.scoring import equal_confidence, intervals, losses, paired_tests, predictions, probabilities

__all__ = ["equal_confidence", "intervals", "losses", "paired_tests", "predictions", "probabilities"]
