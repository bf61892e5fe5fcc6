"""The names of classes: not empty, not too many, and no two that differ only in case or blanks."""

import unicodedata
from collections.abc import Mapping

from glyphline.data.listing import is_plain
from glyphline.errors import DataError

MAX_CLASSES = 10_000
MAX_CHARACTERS = 250
SHOWN = 5


def class_names(counts: Mapping[str, int], *, where: str, normalise: bool) -> dict[str, str]:
    """Label as it is written -> name of its class.

    Args:
        counts: how many images have each label.
        where: the file or folder of the labels, for messages.
        normalise: join labels that differ only in case or blanks under their most frequent spelling, without blanks at
            its ends; when false, every label is the name of a class.

    Raises:
        DataError: a label is empty or too long, there are too many, or some differ only in case or blanks and
            `normalise` is false.
    """
    if len(counts) > MAX_CLASSES:
        raise DataError(
            f"{where} holds {len(counts):,} different labels; {MAX_CLASSES:,} classes at most",
            fix="use labels that name classes, not images; of a table, data.columns.label names the column",
        )
    spellings: dict[str, list[str]] = {}
    for label in sorted(counts):
        if not label.strip() or not is_plain(label):
            raise DataError(
                f"{where}: {label[:80]!r} is no label: it is empty, or holds a line break",
                fix="give each image a label of one line, or take the image out",
            )
        if len(label) > MAX_CHARACTERS:
            raise DataError(
                f"{where}: the label {label[:40]!r}... has {len(label):,} characters; {MAX_CHARACTERS} at most",
                fix="use labels that name classes; of a table, data.columns.label names the column",
            )
        spellings.setdefault(key(label), []).append(label)
    if not normalise:
        _refuse_alike([alike for alike in spellings.values() if len(alike) > 1], counts, where)
        return {label: label for label in counts}
    # Of equally frequent spellings the first in the order of the alphabet, whatever the order of the images.
    names = {of_key: max(alike, key=lambda label: counts[label]) for of_key, alike in spellings.items()}
    return {label: " ".join(names[key(label)].split()) for label in counts}


def key(label: str) -> str:
    """What is equal for labels that differ only in case or blanks, or in how an accent is encoded.

    >>> key(" New York") == key("NEWYORK")
    True
    """
    return "".join(unicodedata.normalize("NFC", label).casefold().split())


def _refuse_alike(alike: list[list[str]], counts: Mapping[str, int], where: str) -> None:
    if not alike:
        return
    listed = "; ".join(" and ".join(f"{label!r} ({counts[label]:,})" for label in labels) for labels in alike[:SHOWN])
    more = f"; and {len(alike) - SHOWN:,} more" if len(alike) > SHOWN else ""
    raise DataError(
        f"{where}: labels differ only in case or blanks: {listed}{more}",
        fix="write each label in one way, or set data.normalise_labels to true to join them",
    )
