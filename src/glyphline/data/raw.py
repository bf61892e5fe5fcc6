"""data/raw: its manifest, and the images in its files.

No file is used before its digest has been compared with the manifest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glyphline import files, records
from glyphline.errors import DataError
from glyphline.records import RawManifest
from glyphline.values import Images, Labels

MANIFEST = "manifest.json"
# --force, because DVC's cache may hold the same damage, and DVC does not look at data.path.
FETCH_AGAIN = "dvc repro --force fetch"


@dataclass(frozen=True, slots=True)
class LabeledImages:
    """Images and labels of one length.

    Attributes:
        images: uint8 (n, h, w, c), memory-mapped where the source allows it.
        labels: int64 (n,), index into the class names.
        groups: int64 (n,), equal for images that belong together, also across splits; None where none are known.
        names: of the images, for a person; empty where they have none.
    """

    images: Images
    labels: Labels
    groups: Labels | None = None
    names: Sequence[str] = ()


OfficialSplits = Mapping[str, LabeledImages]
"""`train`, and `val` and `test` where the data set has official ones."""


def verified(folder: Path) -> RawManifest:
    """The manifest of data/raw, after every file that it lists has been compared with its digest.

    Raises:
        ArtifactError: the manifest is missing or damaged.
        DataError: a file is missing or has changed.
    """
    manifest = records.read(folder / MANIFEST, RawManifest, stage="fetch")
    fix = f"fetch it again with `{FETCH_AGAIN}`"
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing", fix=fix)
        sha256 = files.sha256(path)
        if sha256 != expected.sha256:
            raise DataError(f"{path} has changed: its SHA-256 is {sha256}, not {expected.sha256}", fix=fix)
    return manifest
