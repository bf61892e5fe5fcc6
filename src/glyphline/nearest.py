"""Suggestions for a misspelt name: the known names that are most like it."""

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a misspelt one; None when none is similar."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """At most `limit` of the known names, the most similar first; the first ones when none is similar."""
    names = list(dict.fromkeys(known))
    return difflib.get_close_matches(name, names, n=limit, cutoff=0.4) or names[:limit]
