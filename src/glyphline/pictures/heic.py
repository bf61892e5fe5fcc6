"""HEIC, in which telephones keep photographs: read where the extra `heic` is installed, whose wheels hold GPL code."""

from glyphline.errors import DataError

SUFFIXES = frozenset({".heic", ".heif"})


def formats(suffix: str) -> tuple[str, ...]:
    """Pillow's name of the format of files with this suffix, known to Pillow from now on; empty for other files.

    Args:
        suffix: of a file, in small letters.

    Raises:
        DataError: it is HEIC, and the extra is not installed.
    """
    if suffix not in SUFFIXES:
        return ()
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise DataError(
            "HEIC files cannot be read: the package pillow-heif is missing",
            fix="install it with `pip install pillow-heif` (its wheels hold code under the GPL), or save them as JPEG",
        ) from None
    # Without thumbnails and other images of the file: one file is one image.
    register_heif_opener(thumbnails=False)
    return ("HEIF",)
