"""Signatures of models with the OpenSSF's `model-signing`, by a pair of keys: made at registration, checked before use.

A digest in the log says that the files did not change; a signature says who made them. Install the extra `signing`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from glyphline.errors import RegistryError
from glyphline.params.registry import RegistryParams
from glyphline.records import RuleResult
from glyphline.registry.integrity import SIGNATURE

UNSIGNED = "its files carry no signature"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the keys are.

    Attributes:
        private: PEM, to sign with; None signs nothing.
        public: PEM, to check signatures with; None checks nothing.
    """

    private: Path | None
    public: Path | None

    @classmethod
    def of(cls, params: RegistryParams, home: Path) -> Self:
        """The keys of a project; relative paths in params.yaml begin at its folder `home`."""
        private, public = params.signing_key, params.verification_key
        return cls(home / private if private else None, home / public if public else None)


def ensure(client: Any, model_id: str, folder: Path, keys: Keys | None) -> str | None:
    """Sign the files of a model when there is a key and no signature yet.

    Args:
        client: an `MlflowClient`.
        model_id: the logged model; the signature is put among its files.
        folder: a copy of its files.
        keys: of the project.

    Returns:
        What is wrong with the signature, or None.

    Raises:
        RegistryError: a key cannot be read, or the package is not installed.
    """
    if keys is None or (keys.private is None and keys.public is None):
        return UNSIGNED
    if keys.private is not None and not (folder / SIGNATURE).exists():
        sign(folder, keys.private)
        client.log_model_artifact(model_id, str(folder / SIGNATURE))
    return fault(folder, keys.public)


def sign(folder: Path, key: Path) -> None:
    """Sign all files of a folder; the signature becomes one more file of the folder.

    Raises:
        RegistryError: the key cannot be read, or the package is not installed.
    """
    signing, _ = _package()
    try:
        signing.Config().use_elliptic_key_signer(private_key=_existing(key)).set_hashing_config(_hashing(folder)).sign(
            folder, folder / SIGNATURE
        )
    except (ValueError, TypeError, OSError) as error:
        raise RegistryError(f"cannot sign with {key}: {error}", fix="registry.signing_key must be a PEM file") from None


def fault(folder: Path, key: Path | None) -> str | None:
    """What is wrong with the signature of a folder's files; None when nothing is.

    Raises:
        RegistryError: the package is not installed, or the key is missing.
    """
    if not (folder / SIGNATURE).is_file():
        return UNSIGNED
    if key is None:
        return "there is no registry.verification_key to check its signature with"
    _, verifying = _package()
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=_existing(key)).set_hashing_config(
            _hashing(folder)
        ).verify(folder, folder / SIGNATURE)
    except Exception as error:
        if isinstance(error, RegistryError):
            raise
        return f"its signature does not hold: {' '.join(str(error).split())[:150]}"
    return None


def rule(fault: str | None, *, required: bool) -> tuple[RuleResult, ...]:
    """The gate's rule about the signature; none when no signature is asked for."""
    if not required:
        return ()
    reason = "its signature holds" if fault is None else f"{fault}, and registry.require_signature asks for one"
    return (RuleResult(rule="registry.require_signature", passed=fault is None, reason=reason),)


def _hashing(folder: Path) -> Any:
    from model_signing import hashing

    # Without this the package leaves out what git ignores, and its own signature must be left out.
    return hashing.Config().set_ignored_paths(paths=[folder / SIGNATURE], ignore_git_paths=False)


def _existing(key: Path) -> Path:
    if not key.is_file():
        raise RegistryError(f"there is no key {key}", fix="correct registry.signing_key or registry.verification_key")
    return key


def _package() -> tuple[Any, Any]:
    try:
        from model_signing import signing, verifying
    except ModuleNotFoundError:
        raise RegistryError(
            "signatures need the package model-signing, which is not installed",
            fix="install it: `pip install 'glyphline[signing]'`, or set registry.signing_key to null",
        ) from None
    return signing, verifying
