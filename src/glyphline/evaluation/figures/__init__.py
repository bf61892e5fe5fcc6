"""Pictures of an evaluation, one function per picture, one style for all.

Importing this package loads matplotlib, never pyplot: no window, no state between figures.
"""

from glyphline.evaluation.figures.confusion import draw as confusion
from glyphline.evaluation.figures.curves import draw as curves
from glyphline.evaluation.figures.mistakes import draw as mistakes
from glyphline.evaluation.figures.per_class import draw as per_class
from glyphline.evaluation.figures.reliability import draw as reliability
from glyphline.evaluation.figures.style import write

__all__ = ["confusion", "curves", "mistakes", "per_class", "reliability", "write"]
