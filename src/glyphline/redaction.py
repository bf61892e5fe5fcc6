"""Take secrets out of text that is shown, logged or stored."""

import re
from urllib.parse import quote, unquote

PIECE_CHARACTERS = 4

# Greedy up to the last @: a password may hold an @ itself, and behind a user's colon / and quotes too, which SQLAlchemy
# takes as they are. Rather too much than too little: of two URIs without a blank between them, the first host goes too.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/:'\"<>]*:\S*|[^\s/'\"<>]*)@")
_QUERY_SECRET = re.compile(r"(?i)(?<=[?&;])(password|passwd|pwd|token|secret|api_?key)=[^&;\s'\"]+")


def redact(text: str) -> str:
    """`text` with the credentials of every URI in it replaced: `https://ann:pw@host/x` -> `https://***@host/x`."""
    return _QUERY_SECRET.sub(r"\1=***", _USER_INFO.sub("***@", text))


def redact_uri(uri: str) -> str:
    """A URI without its credentials: all up to its last @, for blanks and quotes may stand in a password too.

    Where :// is missing nobody knows what is a password, so that nothing before the @ is left.
    """
    before, is_there, after = uri.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    return redact(f"{scheme + slashes if slashes else ''}***@{after}" if is_there else uri)


def without_secrets(text: str, uri: str) -> str:
    """`text` with every piece of the credentials of `uri` replaced, also where it stands alone.

    A library that reads a password with a / or an @ in it otherwise than it was meant shows a part of it as the host,
    the port or the path. So all that is as long as `PIECE_CHARACTERS` is blanked, wherever it stands.
    """
    user, _, password = uri.partition("://")[2].rpartition("@")[0].partition(":")
    secrets = [password or user]
    secrets += [match[0].partition("=")[2] for match in _QUERY_SECRET.finditer(uri)]
    pieces = {
        re.escape(form[start : start + PIECE_CHARACTERS])
        for secret in secrets
        for form in (secret, unquote(secret), quote(secret, safe=""))
        for start in range(len(form) - PIECE_CHARACTERS + 1)
    }
    if not pieces:
        return text
    # With a look ahead, because pieces overlap.
    starts = [match.start() for match in re.finditer(f"(?i)(?={'|'.join(sorted(pieces))})", text)]
    hidden = {place for start in starts for place in range(start, start + PIECE_CHARACTERS)}
    shown = "".join("\0" if place in hidden else character for place, character in enumerate(text))
    return re.sub("\0+", "***", shown)
