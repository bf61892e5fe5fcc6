"""What a person may have meant: the known names that are nearest to one that is not known."""

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one was meant to be; None when none is much alike."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """At most `limit` of the known names, the most alike first; the first ones when none is alike."""
    names = list(dict.fromkeys(known))
    return difflib.get_close_matches(name, names, n=limit, cutoff=0.4) or names[:limit]
