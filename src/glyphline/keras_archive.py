"""Check a `.keras` archive without loading it, because loading a hostile one would run its code.

An archive is a zip of a description, a configuration and an HDF5 file of weights. The configuration names classes that
loading would import and call, and may hold Python code; HDF5 may point at other files. All of that is refused.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError

# Keras' own guard against archives that unpack to far more than they weigh starts at 4 GiB.
MAX_UNPACKED_BYTES = 1 << 30
MAX_MEMBERS = 64
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
# What zipfile, json and h5py raise for bytes that they cannot read; endless nesting raises a RuntimeError.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError, RuntimeError, ValueError, OSError, EOFError,
)  # fmt: skip
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def check(path: Path, fix: str) -> Any:
    """Refuse an archive that is damaged, too large, or holds more than layers of Keras and their weights.

    Args:
        path: the archive.
        fix: what to do about it, for the error.

    Returns:
        Its configuration, as JSON gives it.

    Raises:
        ArtifactError: the file is missing, is no .keras archive, or is refused; the problem says why.
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
        for reason in _refusals(config):
            raise ArtifactError(f"{path} is refused: {reason}", fix=fix)
    except DAMAGE as error:
        raise ArtifactError(f"{path} is no .keras archive: {error}", fix=fix) from None
    return config


def weight_count(path: Path) -> int:
    """Number of the weights of all layers in an archive that was checked, without the state of an optimizer."""
    import h5py

    counts = []

    def count(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name.partition("/")[0] != "optimizer":
            counts.append(int(item.size))

    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as stream, h5py.File(stream) as weights:
        weights.visititems(count)
    return sum(counts)


def _check_members(archive: zipfile.ZipFile, path: Path, fix: str) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArtifactError(f"{path} unpacks to {unpacked:,} bytes, more than {MAX_UNPACKED_BYTES:,}", fix=fix)
    if len(members) > MAX_MEMBERS or len(set(names)) < len(names):
        raise ArtifactError(f"{path} is refused: it holds {len(members)} members, some twice or too many", fix=fix)
    if packed := [member.filename for member in members if member.compress_type not in METHODS]:
        raise ArtifactError(f"{path} is refused: {packed[0]!r} is packed in a way that Keras does not use", fix=fix)
    if strange := sorted(set(names) - set(MEMBERS)):
        raise ArtifactError(f"{path} is refused: it holds {strange[0]!r}, which no model needs", fix=fix)
    if missing := sorted(set(MEMBERS) - set(names)):
        raise ArtifactError(f"{path} is no .keras archive: {missing[0]} is missing", fix=fix)


def _refusals(node: Any) -> Iterator[str]:
    """Why a configuration is refused: one reason per part that is not of Keras."""
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
    module = node.get("module")
    is_keras = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    if not is_keras and not (module == "builtins" and name in {"list", "tuple", "dict"}):
        yield f"it names {name!r} of module {module!r}, which is not of Keras"


def _check_weights(archive: zipfile.ZipFile, path: Path, fix: str) -> None:
    import h5py

    with archive.open("model.weights.h5") as stream, h5py.File(stream, "r") as weights:
        for reason in _weight_refusals(weights, h5py):
            raise ArtifactError(f"{path} is refused: {reason}", fix=fix)


def _weight_refusals(weights: Any, h5py: Any) -> Iterator[str]:
    unpacked, addresses, groups = 0, set(), [weights]
    while groups:
        group = groups.pop()
        # Names as bytes: one that is no text would come as bytes all the same.
        for name in group.id:
            if group.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                yield f"its weights point elsewhere ({name.decode(errors='replace')})"
                return
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            # A group that contains itself would never end.
            if address in addresses:
                yield f"its weights name one object twice ({item.name})"
                return
            addresses.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
                continue
            yield from _item_refusals(item, h5py)
            # The sum and not each: arrays without content take no space in the file, however many they are.
            unpacked += math.prod(item.shape or ()) * item.id.get_type().get_size()
            if unpacked > MAX_UNPACKED_BYTES:
                yield f"weights of more than {MAX_UNPACKED_BYTES:,} bytes ({item.name})"


def _item_refusals(item: Any, h5py: Any) -> Iterator[str]:
    h5t = h5py.h5t
    # Keras writes bfloat16 as opaque bytes and truth values as an enumeration.
    kinds = {h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.OPAQUE, h5t.STRING}
    if not isinstance(item, h5py.Dataset) or item.id.get_type().get_class() not in kinds:
        yield f"its weights hold what is neither a group nor an array of numbers ({item.name})"
    elif item.external or item.is_virtual:
        yield f"its weights are read from another file ({item.name})"
