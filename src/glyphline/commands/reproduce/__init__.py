"""Build a registered version again from what it says of its origin, and say how much the result is like it."""

from glyphline.commands.reproduce.rebuild import run
from glyphline.commands.reproduce.result import DIFFERENT, Result

__all__ = ["DIFFERENT", "Result", "run"]
