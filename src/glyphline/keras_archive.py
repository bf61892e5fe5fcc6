"""What a `.keras` archive may hold: looked at without loading it, because loading is what an attacker waits for.

An archive is a zip of a description, a configuration and an HDF5 file of weights. The configuration names classes that
loading would import and call, and may hold Python code; HDF5 may point at other files. None of that is let through.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError

# Keras' own guard against archives that unpack to far more than they weigh starts at 4 GiB.
MAX_UNPACKED_BYTES = 1 << 30
MAX_MEMBERS = 64
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
OURS = "glyphline"
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def check(path: Path, fix: str) -> None:
    """Refuse an archive that is damaged, too large, or holds more than layers of Keras and their weights.

    Args:
        path: the archive.
        fix: what to do about it, for the error.

    Raises:
        ArtifactError: the file is missing, is no .keras archive, or is not let through; the problem says why.
    """
    if not path.exists():
        raise ArtifactError(f"{path} does not exist", fix=fix)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path, fix)
            config = json.loads(archive.read("config.json"))
            if damaged := archive.testzip():
                raise ArtifactError(f"{path} is damaged: {damaged} does not match its checksum", fix=fix)
            _check_weights(archive, path, fix)
    except (zipfile.BadZipFile, NotImplementedError, KeyError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise ArtifactError(f"{path} is no .keras archive: {error}", fix=fix) from None
    for reason in _refusals(config):
        raise ArtifactError(f"{path} is refused: {reason}", fix=fix)


def _check_members(archive: zipfile.ZipFile, path: Path, fix: str) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArtifactError(f"{path} unpacks to {unpacked:,} bytes, more than {MAX_UNPACKED_BYTES:,}", fix=fix)
    if len(members) > MAX_MEMBERS or len(set(names)) < len(names):
        raise ArtifactError(f"{path} is refused: it holds {len(members)} members, some twice or too many", fix=fix)
    if strange := sorted(set(names) - set(MEMBERS)):
        raise ArtifactError(f"{path} is refused: it holds {strange[0]!r}, which no model needs", fix=fix)
    if missing := sorted(set(MEMBERS) - set(names)):
        raise ArtifactError(f"{path} is no .keras archive: {missing[0]} is missing", fix=fix)


def _refusals(node: Any) -> Iterator[str]:
    """Why a configuration is not let through: one reason per part that is not of Keras or of this program."""
    if isinstance(node, list):
        for part in node:
            yield from _refusals(part)
    if not isinstance(node, dict):
        return
    name = node.get("class_name")
    if name in {"Lambda", "__lambda__"}:
        yield "it holds a Lambda layer, which is code"
    elif name in {"function", "__typespec__"} or (isinstance(name, str) and "module" in node):
        yield from _foreign(node, str(name))
    for key, part in node.items():
        if key in {"__lambda__", "__pickle__"}:
            yield "it holds serialized code"
        yield from _refusals(part)


def _foreign(node: dict[str, Any], name: str) -> Iterator[str]:
    module, registered = node.get("module"), node.get("registered_name")
    is_keras = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    is_ours = isinstance(registered, str) and registered.startswith(f"{OURS}>") and (module is None or _is_own(module))
    if not is_keras and not is_ours and not (module == "builtins" and name in {"list", "tuple", "dict"}):
        yield f"it names {name!r} of module {module!r}, which is neither of Keras nor of this program"


def _is_own(module: Any) -> bool:
    return isinstance(module, str) and (module == OURS or module.startswith(f"{OURS}."))


def _check_weights(archive: zipfile.ZipFile, path: Path, fix: str) -> None:
    import h5py

    with archive.open("model.weights.h5") as stream, h5py.File(stream, "r") as weights:
        for reason in _escapes(weights, h5py):
            raise ArtifactError(f"{path} is refused: {reason}", fix=fix)


def _escapes(group: Any, h5py: Any) -> Iterator[str]:
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            yield f"its weights point elsewhere ({name} is a {type(link).__name__})"
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _escapes(item, h5py)
        elif item.external or item.is_virtual:
            yield f"its weights are read from another file ({item.name})"
        elif item.nbytes > MAX_UNPACKED_BYTES:
            yield f"a weight of {item.nbytes:,} bytes ({item.name})"
        elif h5py.check_string_dtype(item.dtype) is None and item.dtype.hasobject:
            yield f"a weight that is no number ({item.name})"
