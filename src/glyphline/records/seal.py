"""The seal of a JSON object: a digest of its content under its last key, so that a changed byte is noticed.

It guards against damage and slips, not against forgers, who can compute it too. Objects without a seal, of earlier
releases, are read as they are.
"""

import hashlib
import json
from typing import Any

from pydantic_core import from_json

SEAL = "seal"


def sealed(text: str) -> dict[str, Any]:
    """The object of a JSON text, with its seal.

    Args:
        text: a JSON object.
    """
    content: dict[str, Any] = from_json(text)
    return content | {SEAL: _seal(content)}


def unsealed(text: bytes | str) -> dict[str, Any]:
    """The object of a JSON text, without its seal.

    Raises:
        ValueError: the text is no JSON object, or not what was sealed.
    """
    try:
        content = from_json(text)
    except ValueError as error:
        raise ValueError(f"Invalid JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  (every fault of the text is a ValueError)
    if SEAL in content and content.pop(SEAL) != _seal(content):
        raise ValueError("it was changed after it was written: its seal does not fit")
    return content


def _seal(content: dict[str, Any]) -> str:
    # Python's own JSON, whose floats are the same in every release; over the values and not over the bytes, so that
    # other blanks between them do no harm.
    text = json.dumps(content | {SEAL: ""}, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
