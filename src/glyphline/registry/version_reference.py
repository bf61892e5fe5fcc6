"""References to a version of a registered model, as people write them, and the run that the version was made of."""

import re
from dataclasses import dataclass
from typing import Any

from glyphline.errors import RegistryError
from glyphline.mlflow_client import registry_client
from glyphline.nearest import nearest

MAKE_VERSIONS = (
    "`glyphline sync` brings back those of the workspace and of past commits, after `dvc pull` in a clone; `dvc repro`"
    " makes one"
)
"""What helps where a store has no versions."""


@dataclass(frozen=True, slots=True)
class VersionReference:
    """A version or an alias of a model.

    Attributes:
        name: of the registered model.
        version: its number, or None when an alias was given.
        alias: or None when a version was given.
    """

    name: str
    version: int | None
    alias: str | None


_SPELLINGS = (
    re.compile(r"(?:models:/)?(?P<name>[^/@]*)@(?P<alias>[^/@]+)"),
    re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)"),
    re.compile(r"v?(?P<version>\d{1,6})"),
)


def parse_reference(text: str, default_name: str) -> VersionReference | None:
    """`models:/NAME/3`, `models:/NAME@alias`, `NAME@alias`, `@alias`, `3`, `v3`; None for anything else.

    Args:
        text: what a person wrote.
        default_name: the model that is meant when none is named, `registry.name`.
    """
    for spelling in _SPELLINGS:
        if match := spelling.fullmatch(text):
            parts = match.groupdict()
            number = parts.get("version")
            return VersionReference(
                parts.get("name") or default_name, int(number) if number else None, parts.get("alias")
            )
    return None


def source_run(reference: VersionReference, uri: str, timeout_s: float) -> str:
    """The MLflow run that a version was made of.

    Raises:
        RegistryError: there is no such model, version or alias; the nearest are named.
        TrackingError: the store cannot be reached.
    """
    with registry_client(uri, timeout_s) as client:
        models = client.search_registered_models(f"name = '{reference.name}'", max_results=1)
        if not models:
            names = [model.name for model in client.search_registered_models(max_results=1000)]
            raise _unknown(f"there is no registered model {reference.name!r}", nearest(reference.name, names))
        aliases = {alias: int(version) for alias, version in models[0].aliases.items()}
        version = aliases.get(reference.alias, 0) if reference.alias else reference.version
        runs = {
            int(one.version): one.run_id
            for one in client.search_model_versions(f"name = '{reference.name}'", max_results=10_000)
        }
    if version not in runs:
        what = f"alias {reference.alias!r}" if reference.alias else f"version {reference.version}"
        near: Any = nearest(reference.alias, aliases) if reference.alias else sorted(runs)[-3:]
        raise _unknown(f"{reference.name} has no {what}", list(map(str, near)))
    run_id = runs[version]
    if not run_id:
        raise RegistryError(
            f"version {version} of {reference.name} names no run that it was made of",
            fix="compare versions that Glyphline registered",
        )
    return str(run_id)


def _unknown(problem: str, near: list[str]) -> RegistryError:
    return RegistryError(problem, fix=f"nearest: {', '.join(near)}" if near else MAKE_VERSIONS)
