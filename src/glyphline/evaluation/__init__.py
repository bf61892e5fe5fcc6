"""How good a model's predictions on the test split are: metrics, tables, figures and the model card.

Importing the package loads none of Matplotlib, SciPy and scikit-learn.
"""

from glyphline.evaluation import card
from glyphline.evaluation.cost import measure_cost
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.model_evaluation import EvaluationResults, evaluate_model
from glyphline.evaluation.report import load_libraries, write_report
from glyphline.evaluation.tables import run_metrics

__all__ = [
    "EvaluationResults",
    "card",
    "evaluate_model",
    "load_libraries",
    "measure",
    "measure_cost",
    "run_metrics",
    "write_report",
]
