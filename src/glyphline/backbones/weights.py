"""The weights of backbones: brought before anything is trained, and checked where they are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from glyphline import records
from glyphline.backbones import own, package, published, torch_file
from glyphline.backbones.catalogue import CATALOGUE, Backbone, PackageFile, find
from glyphline.downloads import Sources
from glyphline.errors import TrainingError
from glyphline.params.model import OWN_BACKBONE
from glyphline.records import Backbones, BackboneWeights

MANIFEST = "manifest.json"


def fetch(
    name: str,
    folder: Path,
    *,
    project: Path = Path(),
    sources: Sources | None = None,
    catalogue: Mapping[str, Backbone] = CATALOGUE,
) -> BackboneWeights:
    """Bring the weights of a backbone: from its package, from where they are published, or a person's own archive.

    Args:
        name: of the catalogue, or the path of a `.keras` archive.
        folder: where to put the file.
        project: the folder that such a path is relative to.
        sources: where published files come from; None downloads nothing.
        catalogue: name -> backbone.

    Returns:
        What is known of it.

    Raises:
        ArtifactError: the archive is missing, damaged or refused.
        DataError: no source has the published file.
        TrainingError: there is no such backbone, its package is not installed or holds another file, it would have to
            be downloaded, or the archive is none of a network that makes features of images.
    """
    if name.endswith(OWN_BACKBONE):
        return own.fetch(name, project, folder)
    backbone = find(name, catalogue)
    target = folder / backbone.file
    if isinstance(backbone.source, PackageFile):
        sha256 = package.copy(name, backbone.source, target)
    elif sources is not None:
        sha256 = published.fetch(backbone.source, target, sources, parameters=backbone.parameters)
    else:
        raise TrainingError(
            f"the weights of {name} are in no package, and only the stage `backbone` downloads any",
            fix=f"set model.backbone to {name} and bring them with `dvc repro backbone`",
        )
    return BackboneWeights(
        file=target.name,
        sha256=sha256,
        size_bytes=target.stat().st_size,
        source=str(backbone.source),
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


def verified(folder: Path, weights: BackboneWeights) -> Path:
    """The file of the weights of a backbone.

    Args:
        folder: of the weights.
        weights: which file, and its digest.

    Raises:
        ArtifactError: the file is missing, or it is not the one that was brought.
    """
    path = folder / weights.file
    records.verify(path, weights.sha256, stage="backbone")
    return path


def arrays(folder: Path, weights: BackboneWeights) -> dict[str, npt.NDArray[Any]]:
    """The weights in a file of PyTorch, by the names in it.

    Args:
        folder: of the weights.
        weights: which file, and its digest.

    Raises:
        ArtifactError: the file is missing, or it is not the one that was brought.
    """
    return torch_file.read(verified(folder, weights))
