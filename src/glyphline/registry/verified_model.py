"""Get the files of a version, verified, for `glyphline.load`, for rescoring and for rebuilding.

MLflow's own `load_model` opens a version without these checks.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphline.errors import RegistryError
from glyphline.registry import integrity, registered_model, signing, version_reference
from glyphline.registry.location import RegistryLocation
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.signing import Keys
from glyphline.registry.state import MANAGED, RegistryState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A version whose files are what was registered.

    Attributes:
        judged: the last judgement about it.
        folder: a copy of its files, gone when the block ends.
    """

    judged: VersionJudged
    folder: Path

    @property
    def archive(self) -> Path:
        """The `.keras` file."""
        return self.folder / integrity.ARCHIVE


@contextmanager
def verified_model(location: RegistryLocation, reference: str, keys: Keys | None = None) -> Iterator[VerifiedModel]:
    """A version for as long as the block runs; nothing is changed and no lock is held.

    Args:
        location: the store, and the model that a reference without a name means.
        reference: `models:/NAME/3`, `NAME@champion`, `@champion`, `3`.
        keys: with a public key, the signature must hold too.

    Raises:
        RegistryError: there is no such version, or it was never evaluated.
        ArtifactError: its files are not what was registered, or are refused.
        TrackingError: the store cannot be reached.
    """
    location = location.of_reference(reference)
    with ExitStack() as stack:
        with registered_model.connected(location.uri, location.name, location.timeout_s) as model:
            from glyphline.registry import log

            run_id = log.find(model.client, location.name)
            state = log.Log(model.client, run_id, location.name).read().state if run_id else RegistryState()
            aliases = model.aliases() if run_id or model.exists() else {}
            version = _number(reference, location.name, aliases, state)
            judged, versions = state.judgement(version), model.versions(version)
            if judged is None or version not in versions:
                raise RegistryError(
                    f"{location.name} has no version {version} that Glyphline registered",
                    fix=f"`glyphline models {location.name}` shows the versions",
                )
            folder = stack.enter_context(integrity.fetched(location, versions[version].source))
            integrity.verify(folder, judged.files, f"version {version} of {location.name}")
            if keys is not None and keys.public is not None and (fault := signing.fault(folder, keys.public)):
                raise RegistryError(f"version {version} of {location.name} is refused: {fault}", fix=integrity.FIX)
        # The connection is closed by now: what fails in the caller's block is no answer of the store.
        yield VerifiedModel(judged, folder)


def _number(reference: str, name: str, aliases: dict[str, int], state: RegistryState) -> int:
    version = version_reference.parse_reference(reference, name)
    if version is None:
        raise RegistryError(
            f"{reference} names no version of {name}", fix=f"write models:/{name}@champion, or a number"
        )
    if version.alias is not None and version.alias not in aliases:
        raise RegistryError(f"{name} has no alias {version.alias!r}", fix=f"it has: {', '.join(aliases) or 'none'}")
    if version.alias is None:
        return int(version.version or 0)
    number, recorded = aliases[version.alias], state.aliases.get(version.alias)
    if number != recorded and (recorded is not None or version.alias in MANAGED):
        logger.warning(
            "alias %s of %s shows version %d, and its history has %s: the alias was moved by hand, or the store is"
            " damaged\nfix: `glyphline models` notes it in the history; `glyphline rollback` takes it back",
            version.alias,
            name,
            number,
            f"version {recorded}" if recorded else "none",
        )
    return number
