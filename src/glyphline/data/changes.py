"""What has changed at data.path since fetch: DVC compares the text of `data.path`, not the images there."""

import logging
import zipfile
import zlib
from pathlib import Path

from glyphline import files, records
from glyphline.data import folders, npz
from glyphline.data.raw import FETCH_AGAIN, MANIFEST
from glyphline.errors import DataError, PipelineError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import RawFile, RawManifest

log = logging.getLogger(__name__)


def warn(params: Params, paths: Paths) -> None:
    """Warn when the images at data.path are not those that fetch copied, or cannot be compared; DVC does neither."""
    if params.data.path is None:
        return
    try:
        difference = since_fetch(paths.home / Path(params.data.path).expanduser(), paths.raw)
    except PipelineError as error:
        log.warning("warning: %s\nfix: %s", error.problem, error.fix)
        return
    if difference is not None:
        log.warning(
            "warning: the images at data.path are not those that were fetched (%s)\n"
            "fix: fetch them with `%s`, then `dvc repro`",
            difference,
            FETCH_AGAIN,
        )


def since_fetch(path: Path, raw: Path) -> str | None:
    """How the images at `path` differ from those in data/raw, as `2 new, 1 removed`; None when they do not.

    Names and sizes are compared, and the content of files that were changed since. This is quick, needs no file of its
    own, and gives the same in every clone.

    Args:
        path: what `data.path` points to.
        raw: data/raw. Where one of the two is missing, as in a clone that pulled the other, nothing differs.

    Raises:
        ArtifactError: the manifest is damaged.
        DataError: the archive is damaged.
    """
    if not (raw / MANIFEST).is_file():
        return None
    manifest = records.read(raw / MANIFEST, RawManifest, stage="fetch")
    if path.is_dir() and (raw / folders.NAME).is_file():
        return _folder(path, raw / folders.NAME)
    if path.is_file() and (raw / npz.NAME).is_file():
        return _npz(path, raw / npz.NAME, manifest.files[npz.NAME])
    return None


def _npz(path: Path, copy: Path, fetched: RawFile) -> str | None:
    is_same_size = path.stat().st_size == fetched.size_bytes
    if is_same_size and (not _changed_since(path, copy) or files.sha256(path) == fetched.sha256):
        return None
    return "another file"


def _folder(root: Path, copy: Path) -> str | None:
    try:
        present = folders.image_files(root)
    except DataError as error:
        return error.problem
    try:
        with zipfile.ZipFile(copy) as archive:
            fetched = {member.filename: member for member in archive.infolist()}
    except zipfile.BadZipFile:
        raise DataError(f"{copy} is damaged", fix=f"fetch it again with `{FETCH_AGAIN}`") from None
    counts = {
        "new": len(present.keys() - fetched.keys()),
        "changed": sum(_differs(present[name], fetched[name], copy) for name in present.keys() & fetched.keys()),
        "removed": len(fetched.keys() - present.keys()),
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or None


def _differs(path: Path, member: zipfile.ZipInfo, copy: Path) -> bool:
    if path.stat().st_size != member.file_size:
        return True
    return _changed_since(path, copy) and zlib.crc32(path.read_bytes()) != member.CRC


def _changed_since(path: Path, copy: Path) -> bool:
    # The inode's time: the file's own may have been copied with it from elsewhere.
    return path.stat().st_ctime >= copy.stat().st_mtime
