"""The project that a command works on."""

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

    Every command begins with it: an error in params.yaml must be reported before anything heavy is imported.
    """
    from glyphline import params

    paths = here()
    return params.read(paths.params), paths
