"""The project that a command is about."""

from pathlib import Path
from typing import TYPE_CHECKING

from glyphline.paths import Paths

if TYPE_CHECKING:
    from glyphline.params import Params


def here() -> Paths:
    """The project that holds the current directory."""
    return Paths.find(Path.cwd())


def opened() -> tuple["Params", Paths]:
    """The project with its parameters.

    Every command begins with it: a mistake in params.yaml must be told before anything heavy is loaded.
    """
    from glyphline import params

    paths = here()
    return params.read(paths.params), paths
