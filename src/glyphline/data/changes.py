"""What has changed at data.path since fetch: DVC compares the text of `data.path`, not the images there."""

import logging
import os
import zipfile
import zlib
from pathlib import Path

from glyphline import files, records
from glyphline.data import bad_files, folders, listing, npz, own_images
from glyphline.data.raw import FETCH_AGAIN, MANIFEST
from glyphline.errors import DataError, PipelineError
from glyphline.params import Params
from glyphline.params.schema import DataParams
from glyphline.paths import Paths
from glyphline.records import RawFile, RawManifest

log = logging.getLogger(__name__)


def warn(params: Params, paths: Paths) -> None:
    """Warn when the images at data.path are not those that fetch copied, or cannot be compared; DVC does neither."""
    if params.data.path is None:
        return
    try:
        difference = since_fetch(paths.home / Path(params.data.path).expanduser(), paths.raw, params.data)
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


def since_fetch(path: Path, raw: Path, data: DataParams) -> str | None:
    """How the images at `path` differ from those in data/raw, as `2 new, 1 removed`; None when they do not.

    Names, splits, labels, groups and sizes are compared, and the content of files that were changed since. This is
    quick, needs no file of its own, and gives the same in every clone.

    Args:
        path: what `data.path` points to.
        raw: data/raw. Where one of the two is missing, as in a clone that pulled the other, nothing differs.
        data: how a table's columns are called, and whether labels are joined.

    Raises:
        ArtifactError: the manifest is damaged.
        DataError: the archive is damaged.
    """
    if not (raw / MANIFEST).is_file():
        return None
    manifest = records.read(raw / MANIFEST, RawManifest, stage="fetch")
    if path.suffix.lower() == ".npz" and path.is_file() and (raw / npz.NAME).is_file():
        return _npz(path, raw / npz.NAME, manifest.files[npz.NAME])
    if path.exists() and (raw / folders.NAME).is_file():
        return _images(path, raw, data)
    return None


def _npz(path: Path, copy: Path, fetched: RawFile) -> str | None:
    status = path.stat()
    if status.st_size == fetched.size_bytes and (
        not _changed_since(status, copy.stat()) or files.sha256(path) == fetched.sha256
    ):
        return None
    return "another file"


def _images(path: Path, raw: Path, data: DataParams) -> str | None:
    try:
        given = own_images.listed(path, data)
    except DataError as error:
        return error.problem
    copy = raw / folders.NAME
    try:
        with zipfile.ZipFile(copy) as archive:
            members = {member.filename: member for member in archive.infolist()}
    except zipfile.BadZipFile:
        raise DataError(f"{copy} is damaged", fix=f"fetch it again with `{FETCH_AGAIN}`") from None
    fetched = {image.file: image for image in listing.read(raw / listing.NAME)}
    skipped = bad_files.read(raw / bad_files.NAME)
    counts = dict.fromkeys(("new", "changed", "removed"), 0)
    packed = copy.stat()
    for image in given.images:
        file = given.root / image.file
        before, status = fetched.pop(image.file, None), _status(file)
        if before is None:
            # A file that could not be read counts when it was touched since.
            is_known = image.file in skipped and (status is None or not _changed_since(status, packed))
            counts["new"] += not is_known
        elif status is None:
            counts["removed"] += 1
        elif image != before or _differs(file, status, members[image.file], packed):
            counts["changed"] += 1
    counts["removed"] += len(fetched)
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _differs(path: Path, status: os.stat_result, member: zipfile.ZipInfo, packed: os.stat_result) -> bool:
    if status.st_size != member.file_size:
        return True
    return _changed_since(status, packed) and zlib.crc32(path.read_bytes()) != member.CRC


def _changed_since(status: os.stat_result, copied: os.stat_result) -> bool:
    # The inode's time: the file's own may have been copied with it from elsewhere.
    return status.st_ctime >= copied.st_mtime
