"""Get the files of a version, verified; `glyphline.load`, rescoring and rebuilding come to a registered model this way.

MLflow's own `load_model` opens a version without any of it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphline.errors import RegistryError
from glyphline.registry import connection, integrity, signing, version_reference
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.session import RegistryLocation
from glyphline.registry.signing import Keys
from glyphline.registry.state import RegistryState


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A version whose files are what was registered.

    Attributes:
        held: what the log says of it.
        folder: a copy of its files, gone when the block ends.
    """

    held: VersionJudged
    folder: Path

    @property
    def archive(self) -> Path:
        """The `.keras` file."""
        return self.folder / integrity.ARCHIVE


@contextmanager
def verified_model(to: RegistryLocation, reference: str, keys: Keys | None = None) -> Iterator[VerifiedModel]:
    """A version for as long as the block runs; nothing is changed and no lock is held.

    Args:
        to: the model, in which store.
        reference: `models:/NAME/3`, `NAME@champion`, `@champion`, `3`.
        keys: with a public key, the signature must hold too.

    Raises:
        RegistryError: there is no such version, or it was never evaluated.
        ArtifactError: its files are not what was registered, or not let through.
        TrackingError: the store cannot be reached.
    """
    with ExitStack() as kept:
        with connection.connected(to.uri, to.name, to.timeout_s) as registry:
            from glyphline.registry import log

            run_id = log.find(registry.client, to.name)
            state = log.Log(registry.client, run_id, to.name).read().state if run_id else RegistryState()
            version = _number(reference, to.name, registry.aliases() if run_id or registry.exists() else {})
            held, known = state.judgement(version), registry.numbers(version)
            if held is None or version not in known:
                raise RegistryError(
                    f"{to.name} has no version {version} that Glyphline registered",
                    fix="`glyphline models` shows the versions",
                )
            folder = kept.enter_context(integrity.fetched(to.uri, known[version].source))
            integrity.verify(folder, held.files, f"version {version} of {to.name}")
            if keys is not None and keys.public is not None and (wrong := signing.fault(folder, keys.public)):
                raise RegistryError(f"version {version} of {to.name} is refused: {wrong}", fix=integrity.FIX)
        # Disconnected by now: what fails in the caller's block is no answer of the store.
        yield VerifiedModel(held, folder)


def _number(reference: str, name: str, aliases: dict[str, int]) -> int:
    found = version_reference.parse_reference(reference, name)
    if found is None or found.name != name:
        raise RegistryError(
            f"{reference} names no version of {name}", fix=f"write models:/{name}@champion, or a number"
        )
    if found.alias is not None and found.alias not in aliases:
        raise RegistryError(f"{name} has no alias {found.alias!r}", fix=f"it has: {', '.join(aliases) or 'none'}")
    return aliases[found.alias] if found.alias is not None else int(found.version or 0)
