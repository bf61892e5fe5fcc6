"""Figures of an evaluation, one function per figure, one style for all.

Importing this package loads matplotlib, never pyplot: no window, no state between figures.
"""

from glyphline.evaluation.figures.class_counts import draw as class_counts
from glyphline.evaluation.figures.confusion import draw as confusion
from glyphline.evaluation.figures.corruptions import draw as corruptions
from glyphline.evaluation.figures.curve_comparison import draw as curve_comparison
from glyphline.evaluation.figures.gallery import examples, mistakes
from glyphline.evaluation.figures.learning_curves import draw as learning_curves
from glyphline.evaluation.figures.per_class import draw as per_class
from glyphline.evaluation.figures.projection import draw as projection
from glyphline.evaluation.figures.reliability import draw as reliability
from glyphline.evaluation.figures.risk_coverage import draw as risk_coverage
from glyphline.evaluation.figures.slices import draw as slices
from glyphline.figure_style import png, write

__all__ = [
    "class_counts",
    "confusion",
    "corruptions",
    "curve_comparison",
    "examples",
    "learning_curves",
    "mistakes",
    "per_class",
    "png",
    "projection",
    "reliability",
    "risk_coverage",
    "slices",
    "write",
]
