"""Build a registered version again from the record of its origin, and compare the result with it."""

from glyphline.commands.reproduce.rebuild import run
from glyphline.commands.reproduce.result import DIFFERENT, Result

__all__ = ["DIFFERENT", "Result", "run"]
