"""The weights of backbones: taken from their packages before anything is trained, and checked where they are read."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy.typing as npt

from glyphline import files, records
from glyphline.backbones import torch_file
from glyphline.backbones.catalogue import Backbone, find
from glyphline.errors import TrainingError
from glyphline.records import Backbones, BackboneWeights

MANIFEST = "manifest.json"


def fetch(name: str, folder: Path) -> BackboneWeights:
    """Copy the weights of a backbone from its package.

    Args:
        name: of the catalogue.
        folder: where to put the file.

    Returns:
        What is known of it.

    Raises:
        TrainingError: there is no such backbone, its package is not installed, or the file in it is another one.
    """
    backbone = find(name)
    source = _in_package(backbone)
    sha256 = files.sha256(source)
    if sha256 != backbone.sha256:
        raise TrainingError(
            f"{source} is not the file of {name} that is known: its SHA-256 is {sha256}, not {backbone.sha256}",
            fix=f"install the package {_distribution(backbone)} again",
        )
    target = folder / _file_name(backbone)
    shutil.copyfile(source, target)
    return BackboneWeights(
        file=target.name,
        sha256=sha256,
        size_bytes=target.stat().st_size,
        source=f"{_distribution(backbone)}: {backbone.file}",
        licence=backbone.licence,
        citation=backbone.citation,
        features=backbone.features,
        parameters=backbone.parameters,
    )


def read_manifest(folder: Path) -> Backbones:
    """What the stage `backbone` has left in a folder.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    return records.read(folder / MANIFEST, Backbones, stage="backbone")


def arrays(folder: Path, weights: BackboneWeights) -> dict[str, npt.NDArray[Any]]:
    """The weights of a backbone, by the names in its file.

    Args:
        folder: of the weights.
        weights: which file, and its digest.

    Raises:
        ArtifactError: the file is missing, or it is not the one that was copied.
    """
    path = folder / weights.file
    records.verify(path, weights.sha256, stage="backbone")
    return torch_file.read(path)


def _in_package(backbone: Backbone) -> Path:
    spec = find_spec(backbone.package)
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(place, backbone.file)).is_file():
            return path
    raise TrainingError(
        f"model.backbone={backbone.name} needs the package {_distribution(backbone)}, which is not installed",
        fix="install what the project needs with `make setup`",
    )


def _distribution(backbone: Backbone) -> str:
    return backbone.package.replace("_", "-")


def _file_name(backbone: Backbone) -> str:
    return f"{backbone.name}{Path(backbone.file).suffix}"
