"""The handwritten digits that come with scikit-learn, read without importing it, which takes seconds."""

import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

import numpy as np

from glyphline import files
from glyphline.data.raw import LabeledImages
from glyphline.errors import DataError
from glyphline.records import RawFile

NAME = "digits.csv"
SOURCE = (
    "bundled with scikit-learn (sklearn/datasets/data/digits.csv.gz), from the test part of "
    "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"
)
CONTENT_SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
CONTENT_BYTES = 264_712
SIDE = 8
LEVELS = 16

_FIX = "install the pinned scikit-learn again: delete .venv and run `make setup`"


def fetch(folder: Path, package: Path | None = None) -> RawFile:
    """Copy the digits, uncompressed, into `folder` under their name.

    Args:
        folder: where to put them.
        package: scikit-learn's folder; looked up when it is None.

    Raises:
        DataError: scikit-learn is not there, or its digits are not the known ones.
    """
    archive = (package or _package()) / "datasets" / "data" / f"{NAME}.gz"
    try:
        with gzip.open(archive) as stream:
            content = stream.read(CONTENT_BYTES + 1)
    except FileNotFoundError:
        raise DataError(f"{archive} does not exist", fix=_FIX) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{archive} cannot be read: {error}", fix=_FIX) from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != CONTENT_SHA256:
        raise DataError(f"{archive} holds other bytes than it should: SHA-256 {sha256}, not {CONTENT_SHA256}", fix=_FIX)
    files.write_bytes(folder / NAME, content)
    return RawFile(source=SOURCE, sha256=sha256, size_bytes=len(content))


def read(folder: Path) -> dict[str, LabeledImages]:
    """The digits, which have no official test split: 1,797 images of 8 x 8, brightness 0..16 stretched to 0..255."""
    table = np.loadtxt(folder / NAME, delimiter=",", dtype=np.uint8)
    brightness = np.rint(np.arange(LEVELS + 1) * (255 / LEVELS)).astype(np.uint8)
    images = brightness[table[:, :-1]].reshape(-1, SIDE, SIDE, 1)
    return {"train": LabeledImages(images, table[:, -1].astype(np.int64))}


def _package() -> Path:
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("scikit-learn, which brings the digits, is not installed", fix=_FIX)
    return Path(spec.origin).parent
