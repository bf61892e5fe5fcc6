"""Pictures of an evaluation, one function per picture, one style for all.

Importing this package loads matplotlib, never pyplot: no window, no state between figures.
"""

from glyphline.evaluation.figures.confusion import draw as confusion
from glyphline.evaluation.figures.curves import draw as curves
from glyphline.evaluation.figures.gallery import examples, mistakes
from glyphline.evaluation.figures.overlay import draw as overlay
from glyphline.evaluation.figures.per_class import draw as per_class
from glyphline.evaluation.figures.reliability import draw as reliability
from glyphline.evaluation.figures.risk_coverage import draw as risk_coverage
from glyphline.evaluation.figures.robustness import draw as robustness
from glyphline.evaluation.figures.slices import draw as slices
from glyphline.evaluation.figures.style import png, write

__all__ = [
    "confusion",
    "curves",
    "examples",
    "mistakes",
    "overlay",
    "per_class",
    "png",
    "reliability",
    "risk_coverage",
    "robustness",
    "slices",
    "write",
]
