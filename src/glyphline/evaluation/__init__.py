"""What a model's predictions on the test split are worth: numbers, tables and figures.

The only room that knows matplotlib and scikit-learn; importing the package loads neither.
"""

from glyphline.evaluation.metrics import measure
from glyphline.evaluation.report import write

__all__ = ["measure", "write"]
