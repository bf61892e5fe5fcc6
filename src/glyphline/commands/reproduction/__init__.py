"""Build a registered version again from what it says of its origin, and say how much the result is like it."""

from glyphline.commands.reproduction.rebuild import run
from glyphline.commands.reproduction.result import DIFFERENT, Result

__all__ = ["DIFFERENT", "Result", "run"]
