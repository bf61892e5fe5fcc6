"""Take secrets out of text that is shown, logged or stored."""

import re

# Greedy up to the last @: a password may hold an @ itself, and behind a user's colon / and quotes too, which SQLAlchemy
# takes as they are. Rather too much than too little: of two URIs without a blank between them, the first host goes too.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/:'\"<>]*:\S*|[^\s/'\"<>]*)@")
_QUERY_SECRET = re.compile(r"(?i)(?<=[?&;])(password|passwd|pwd|token|secret|api_?key)=[^&;\s'\"]+")


def redact(text: str) -> str:
    """`text` with the credentials of every URI in it replaced: `https://ann:pw@host/x` -> `https://***@host/x`."""
    return _QUERY_SECRET.sub(r"\1=***", _USER_INFO.sub("***@", text))
