"""The files of a run, as the journal records them: by their content."""

import hashlib
from pathlib import Path

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.journal.run_events import FileDigest


def digest(path: Path, work: Path) -> FileDigest:
    """The entry of a journal about a file.

    Raises:
        ArtifactError: the file is missing, or it lies outside `work`.
    """
    fix = "log only files that the stage has written below the project's folder"
    try:
        relative = path.resolve().relative_to(work.resolve())
        with path.open("rb") as stream:
            # DVC names the objects of its cache by MD5; it protects nothing here.
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return FileDigest(path=relative.as_posix(), size_bytes=path.stat().st_size, sha256=files.sha256(path), md5=md5)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist, so it cannot be logged", fix=fix) from None
    except ValueError:
        raise ArtifactError(f"{path} is not below {work}", fix=fix) from None
