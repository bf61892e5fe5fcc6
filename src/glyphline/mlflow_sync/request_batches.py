"""Collect the params, metrics and tags of a run and divide them into requests that every server takes."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from mlflow.entities import Metric, Param, RunTag

from glyphline.journal.run_events import (
    InputLogged,
    MetricsLogged,
    ParamsLogged,
    RunEvent,
    RunStarted,
    TagsLogged,
    as_text,
)

# The server allows 1,000 entities and a million bytes per request in all, and per kind what MLflow's limits say.
METRICS_PER_REQUEST = 800
PARAMS_PER_REQUEST = 100
TAGS_PER_REQUEST = 50
MAX_PARAM_CHARACTERS = 6000
MAX_TAG_CHARACTERS = 5000
MAX_KEY_CHARACTERS = 250


@dataclass
class Batch:
    """Params, metrics and tags of one run."""

    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def add_params(self, values: dict[str, Any]) -> None:
        """Add params; the first value of a key counts, as in the store."""
        for key, value in values.items():
            self.params.setdefault(clean_key(key), as_text(value)[:MAX_PARAM_CHARACTERS])

    def add_metrics(self, event: MetricsLogged) -> None:
        """Add the metrics of one event, with its time and step."""
        self.metrics += [Metric(clean_key(key), value, event.time, event.step) for key, value in event.values.items()]

    def add_tags(self, values: dict[str, str]) -> None:
        """Add tags; a later value replaces an earlier one."""
        self.tags |= clean_tags(values)

    def requests(self) -> Iterator[dict[str, list[Any]]]:
        """Arguments for `log_batch`, at least one; tags added last go last."""
        metrics = _chunks(self.metrics, METRICS_PER_REQUEST)
        params = _chunks([Param(key, value) for key, value in self.params.items()], PARAMS_PER_REQUEST)
        tags = _chunks([RunTag(key, value) for key, value in self.tags.items()], TAGS_PER_REQUEST)
        # Aligned at the end, so that the last tag, which marks everything as sent, is in the last request.
        parts: list[Any] = list(zip_longest(metrics[::-1], params[::-1], tags[::-1], fillvalue=[]))[::-1]
        for metric_part, param_part, tag_part in parts:
            yield {"metrics": metric_part, "params": param_part, "tags": tag_part}


def fault(event: RunEvent) -> str | None:
    """Why no store takes an event whose keys and lengths are cleaned; None when stores take it."""
    keys: list[str] = []
    texts: list[str] = []
    match event:
        case ParamsLogged(values=values):
            keys, texts = list(values), [as_text(value) for value in values.values()]
        case TagsLogged(values=values) | RunStarted(tags=values):
            keys, texts = list(values), list(values.values())
        case MetricsLogged(values=values):
            keys = list(values)
        case InputLogged():
            texts = [event.name, event.digest, event.context, event.source]
    if isinstance(event, RunStarted):
        texts.append(event.name)
    for key in keys:
        # Stores may keep each key as a file of that name.
        if posixpath.normpath(clean_key(key)) != clean_key(key) or clean_key(key).startswith(("/", "..")) or key == ".":
            return f"{key[:50]!r} cannot be a key"
    # PostgreSQL has no such text; SQLite has, and others would read only what is before it.
    return "a text holds a null character" if any("\0" in text for text in texts) else None


def clean_key(key: str) -> str:
    """`key` with only the characters that every MLflow store takes."""
    return re.sub(r"[^\w\-. :/]", "_", key, flags=re.ASCII)[:MAX_KEY_CHARACTERS]


def clean_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags with keys and lengths that every MLflow store takes."""
    return {clean_key(key): value[:MAX_TAG_CHARACTERS] for key, value in tags.items()}


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
