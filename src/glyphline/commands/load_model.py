"""Open a registered model for use: what `glyphline.load` does."""

import sys
from pathlib import Path
from typing import Any

from glyphline import params, training
from glyphline.errors import TrackingError
from glyphline.paths import Paths
from glyphline.registry import Keys, RegistryLocation, verified_model


def run(reference: str, start: Path) -> Any:
    """The Keras model of a version whose files are what was registered.

    Args:
        reference: `models:/NAME@champion`, `models:/NAME/3`; without a name the project's model is meant.
        start: a folder of the project, whose params.yaml says in which store the version is.

    Raises:
        ParamsError: `start` is in no project.
        RegistryError: there is no such version, or it was never evaluated.
        ArtifactError: its files are not what was registered, or are refused.
        TrackingError: the store cannot be reached, or Python and MLflow write the project's path differently.
    """
    paths = Paths.find(start)
    _check_path(paths.home)
    values = params.read(paths.params)
    location = RegistryLocation.of(values, paths)
    with verified_model.verified_model(location, reference, Keys.of(values.registry, paths.home)) as verified:
        return training.open_model(verified.archive)


def _check_path(home: Path) -> None:
    # Our commands begin again in UTF-8 mode; the program that calls this one cannot.
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not str(home).isascii():
        raise TrackingError(
            f"this Python takes names of files for {encoding}, and MLflow and TensorFlow write {home} in UTF-8",
            fix="start it in a UTF-8 locale: `LC_ALL=C.UTF-8 python ...`",
        )
