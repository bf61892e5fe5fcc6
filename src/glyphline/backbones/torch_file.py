"""Read the arrays of a PyTorch file without PyTorch, and without running what the file may name.

The file is of the format that `torch.save` wrote before version 1.6: five pickles (a magic number, a version, sizes of
types, the tree of tensors, the keys of their storages), then the storages as raw numbers.

Source: PyTorch's function `torch.serialization._legacy_save`.
"""

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from glyphline.errors import DataError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
# Far more than any backbone has; a length in a damaged file must not take all memory.
MOST_NUMBERS = 1 << 28
# What a pickle that is no such file raises.
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError, struct.error, OSError,
    MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where the numbers of a tensor are: a part of a storage, with steps between them."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file, by name.

    Raises:
        DataError: it is no such file, it is damaged, or it names anything but tensors of float32 and int64.
    """
    try:
        with path.open("rb") as stream:
            return _arrays(stream)
    except DAMAGE as error:
        raise DataError(
            f"{path} is no file of PyTorch tensors: {error}", fix="install the package again that the file is from"
        ) from None


def _arrays(stream: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    dtypes: dict[str, np.dtype[Any]] = {}
    if _load(stream, dtypes) != MAGIC_NUMBER or _load(stream, dtypes) != PROTOCOL_VERSION:
        raise ValueError("another magic number or version")
    _load(stream, dtypes)
    tensors = _load(stream, dtypes)
    storages = {key: _storage(stream, dtypes[key]) for key in _load(stream, dtypes)}
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("it does not hold tensors by name")
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _storage(stream: IO[bytes], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    (count,) = struct.unpack("<q", stream.read(8))
    if not 0 <= count <= MOST_NUMBERS:
        raise ValueError(f"a storage of {count} numbers")
    content = stream.read(count * dtype.itemsize)
    return np.frombuffer(content, dtype, count)


def _array(tensor: _Tensor, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if min((tensor.offset, *tensor.strides)) < 0 or min(tensor.shape, default=1) < 1 or last >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in tensor.strides]
    # The strides count: a convolution's kernels may be stored with their channels last.
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view)


def _load(stream: IO[bytes], dtypes: dict[str, np.dtype[Any]]) -> Any:
    return _TensorUnpickler(stream, dtypes).load()


class _TensorUnpickler(pickle.Unpickler):
    """Knows ordered mappings, tensors and two types of storage, and refuses every other name."""

    def __init__(self, stream: IO[bytes], dtypes: dict[str, np.dtype[Any]]) -> None:
        super().__init__(stream)
        self._dtypes = dtypes

    def find_class(self, module: str, name: str) -> Any:
        known: dict[str, Any] = {"collections.OrderedDict": OrderedDict, "torch._utils._rebuild_tensor_v2": _tensor}
        if module == "torch" and name in DTYPES:
            return name
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> str:
        kind, storage, key = map(str, pid[:3])
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to {kind!r}")
        self._dtypes[key] = DTYPES[storage]
        return key


def _tensor(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
