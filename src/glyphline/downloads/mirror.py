"""The local folder that is looked in before the network is asked."""

import os
from collections.abc import Mapping
from pathlib import Path

from glyphline.errors import DataError

MIRROR_VARIABLE = "GLYPHLINE_MIRROR"


def find_mirror(setting: str | None, root: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The local mirror folder, from `data.mirror` or GLYPHLINE_MIRROR; None when neither is set.

    Args:
        setting: `data.mirror`; relative to `root`.
        root: the project.
        environ: where the variable is looked up.

    Raises:
        DataError: it is set, and there is no such folder.
    """
    named = "data.mirror" if setting else MIRROR_VARIABLE
    value = setting or environ.get(MIRROR_VARIABLE)
    if not value:
        return None
    mirror = root / Path(value).expanduser()
    if not mirror.is_dir():
        raise DataError(f"{named} is {value}, and {mirror} is no folder", fix=f"correct {named}, or unset it")
    return mirror
