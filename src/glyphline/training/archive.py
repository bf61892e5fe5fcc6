"""Models on disk: plain .keras archives, written whole, loaded with care."""

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.training.loading import load

# Keras' own guard against archives that unpack to far more than they weigh starts at 4 GiB.
MAX_UNPACKED_BYTES = 1 << 30


def save(model: Any, path: Path) -> None:
    """Write `model` to `path`, whole."""
    with files.whole(path) as partial:
        model.save(partial)


def open_model(path: Path) -> Any:
    """Read a model back.

    Raises:
        ArtifactError: the file is missing, is no .keras archive, or unpacks to more than 1 GiB.
    """
    fix = "make it again with `dvc repro train`"
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            damaged = archive.testzip()
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=fix) from None
    except (zipfile.BadZipFile, OSError) as error:
        raise ArtifactError(f"{path} is no .keras archive: {error}", fix=fix) from None
    if damaged:
        raise ArtifactError(f"{path} is damaged: {damaged} does not match its checksum", fix=fix)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArtifactError(f"{path} unpacks to {unpacked:,} bytes, more than {MAX_UNPACKED_BYTES:,}", fix=fix)
    return load().saving.load_model(path, compile=False, safe_mode=True)


def weights_digest(weights: Iterable[npt.NDArray[Any]]) -> str:
    """SHA-256 over shape, type and bytes of every weight, in the order of the layers."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
