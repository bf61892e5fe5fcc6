"""data/raw read back: nothing is used before its digest has been compared with the manifest."""

from pathlib import Path

from glyphline import files, records
from glyphline.errors import DataError
from glyphline.records import RawManifest

MANIFEST = "manifest.json"
# --force, because DVC may trust its cache, which may hold the same damage, and does not look at data.path.
FETCH_AGAIN = "dvc repro --force fetch"


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
        found = files.sha256(path)
        if found != expected.sha256:
            raise DataError(f"{path} has changed: its SHA-256 is {found}, not {expected.sha256}", fix=fix)
    return manifest
