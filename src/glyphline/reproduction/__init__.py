"""Build a registered version again from what it says of its origin, and say how much the result is like it."""

from glyphline.reproduction.rebuild import run
from glyphline.reproduction.result import DIFFERENT, Result

__all__ = ["DIFFERENT", "Result", "run"]
