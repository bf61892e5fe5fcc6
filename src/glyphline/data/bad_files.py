"""Files that should be images and cannot be read as such: refused, or left out and listed up to a share of all."""

import csv
import logging
from pathlib import Path
from typing import Literal

from glyphline import files
from glyphline.csv_text import csv_text
from glyphline.errors import DataError, PictureError

log = logging.getLogger(__name__)

NAME = "bad_files.csv"
COLUMNS = ("file", "reason")
SHOWN = 3


class BadFiles:
    """The bad files among the images of one data set.

    Args:
        root: the folder of the images, for messages.
        total: how many files there are, bad ones included.
        policy: `stop` refuses the first bad file, `skip` collects them.
        max_share: the largest share of bad files that may be collected.
    """

    def __init__(self, root: Path, total: int, *, policy: Literal["stop", "skip"], max_share: float) -> None:
        self._root = root
        self._total = total
        self._policy = policy
        self._max_share = max_share
        self.reasons: dict[str, str] = {}
        """File, as in the listing -> why it cannot be read."""

    def add(self, error: PictureError) -> None:
        """Take a bad file in.

        Args:
            error: what is wrong with it; its name is the whole path.

        Raises:
            DataError: bad files are not to be left out, or there are too many of them.
        """
        if self._policy == "stop":
            raise DataError(error.problem, fix=f"{error.fix}; or set data.bad_files to skip, to leave such out")
        self.reasons[error.name.removeprefix(f"{self._root}/")] = error.reason
        if len(self.reasons) > self._max_share * self._total:
            shown = "; ".join(f"{name} {why}" for name, why in list(self.reasons.items())[:SHOWN])
            raise DataError(
                f"{self._root}: more than {self._max_share:.2%} of {self._total:,} files cannot be read, which is"
                f" data.max_bad_share: {shown}",
                fix="mend these files or take them out, or raise data.max_bad_share",
            )

    def write(self, path: Path) -> None:
        """Write the list as a CSV file, and say how many there are."""
        files.write_text(path, csv_text(COLUMNS, sorted(self.reasons.items())))
        if self.reasons:
            file, reason = next(iter(sorted(self.reasons.items())))
            log.warning(
                "left out %d of %d files that cannot be read, listed in data/raw/%s; the first: %s %s",
                *(len(self.reasons), self._total, NAME, file, reason),
            )


def read(path: Path) -> dict[str, str]:
    """File -> reason, as `BadFiles.write` wrote them; empty where there is no such list."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["file"]: row["reason"] for row in csv.DictReader(stream)}
