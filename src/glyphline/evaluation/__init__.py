"""What a model's predictions on the test split are worth: numbers, tables and figures, and paired tests of two models.

The only room that knows matplotlib, SciPy and scikit-learn; importing the package loads none of them.
"""

from glyphline.evaluation import card, latency, paired, predictions
from glyphline.evaluation.examination import Examination, examine
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.report import load_libraries, write
from glyphline.evaluation.tables import on_the_run

__all__ = [
    "Examination",
    "card",
    "examine",
    "latency",
    "load_libraries",
    "measure",
    "on_the_run",
    "paired",
    "predictions",
    "write",
]
