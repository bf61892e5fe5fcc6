"""A person's own network as a backbone: a `.keras` archive, checked without loading it, as loading needs Keras."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glyphline import files, keras_archive
from glyphline.errors import TrainingError
from glyphline.records import BackboneWeights

COLOURS = (1, 3)
_FIX = "correct model.backbone, or save such a network: model.save('network.keras')"


def fetch(name: str, project: Path, folder: Path) -> BackboneWeights:
    """Check an archive and copy it.

    Args:
        name: its path.
        project: the folder that the path is relative to.
        folder: where to put the copy.

    Raises:
        ArtifactError: it is missing, damaged or refused.
        TrainingError: it takes no images, or it has no pooling layer.
    """
    path = project / Path(name).expanduser()
    config = keras_archive.check(path, _FIX)
    _check_input(config, path)
    if not any("Pooling" in kind for kind in _layer_kinds(config)):
        raise TrainingError(f"{path} has no pooling layer, whose values would be the features", fix=_FIX)
    sha256 = files.sha256(path)
    # Two archives of one name may lie in two folders.
    target = folder / f"{path.stem}-{sha256[:12]}{path.suffix}"
    shutil.copyfile(path, target)
    return BackboneWeights(
        file=target.name,
        sha256=sha256,
        size_bytes=target.stat().st_size,
        source=f"your own {path.name}",
        licence="your own",
        citation="none",
        features=None,
        parameters=keras_archive.weight_count(path),
    )


def _check_input(config: Any, path: Path) -> None:
    layers = _part(_part(config, "config"), "layers") or ()
    shapes = [
        _part(_part(layer, "config"), "batch_shape") for layer in layers if _part(layer, "class_name") == "InputLayer"
    ]
    if len(shapes) != 1 or len(shapes[0] or ()) != 4 or shapes[0][-1] not in COLOURS:
        takes = " and ".join(map(str, shapes)) or "no input of a known shape"
        raise TrainingError(
            f"{path} takes {takes}, and a backbone takes images: (n, height, width, 3), or 1 for grey ones", fix=_FIX
        )


def _part(node: Any, key: str) -> Any:
    return node.get(key) if isinstance(node, dict) else None


def _layer_kinds(node: Any) -> Iterator[str]:
    """The classes of all layers, also of networks within the network."""
    if isinstance(node, dict):
        if isinstance(kind := node.get("class_name"), str):
            yield kind
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _layer_kinds(part)
