"""What every part of params.yaml has in common."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _list_as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


LIST_AS_TUPLE = BeforeValidator(_list_as_tuple)
"""Lists in YAML, tuples here: a frozen section must hold nothing that can change."""


class Section(BaseModel):
    """A part of params.yaml: no unknown keys, no silent conversion, no NaN, no change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def keys(cls, prefix: str = "") -> Iterator[str]:
        """The dotted keys of the fields, also of sections within: `augment.shift`."""
        for name, field in cls.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Section):
                yield from inner.keys(f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}"
