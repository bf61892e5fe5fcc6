"""What a model's predictions on the test split are worth: numbers, tables, figures and the model card.

The only room that knows matplotlib; importing the package loads neither it nor SciPy or scikit-learn.
"""

from glyphline.evaluation import card, latency
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.model_outputs import ModelOutputs, collect_outputs
from glyphline.evaluation.report import load_libraries, write
from glyphline.evaluation.tables import on_the_run

__all__ = [
    "ModelOutputs",
    "card",
    "collect_outputs",
    "latency",
    "load_libraries",
    "measure",
    "on_the_run",
    "write",
]
