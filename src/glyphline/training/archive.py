"""Models on disk: .keras archives, written atomically, and checked before they are loaded."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from glyphline import files, keras_archive, records
from glyphline.training.keras_import import import_keras


def save(model: Any, path: Path) -> None:
    """Write `model` to `path` atomically."""
    with files.atomic_file(path) as partial:
        model.save(partial)


def open_model(path: Path) -> Any:
    """Read a model back.

    Raises:
        ArtifactError: the file is missing or damaged, or refused because loading it could run foreign code.
    """
    keras_archive.check(path, records.remedy("train"))
    return import_keras().saving.load_model(path, compile=False, safe_mode=True)


def weights_digest(weights: Iterable[npt.NDArray[Any]]) -> str:
    """SHA-256 over shape, type and bytes of every weight, in the order of the layers."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
