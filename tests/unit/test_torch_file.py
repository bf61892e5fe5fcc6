"""Files of PyTorch tensors, read without PyTorch: what they hold, and what is refused."""

import io
import pickle
import struct
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from glyphline.backbones import torch_file
from glyphline.errors import DataError


class Storage:
    """A storage as a file refers to it: by type, key and length."""

    def __init__(self, kind, key, numbers):
        self.kind, self.key, self.numbers = kind, key, numbers


class Tensor:
    """Pickled as PyTorch pickles a tensor."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class TorchPickler(pickle.Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            return "storage", getattr(sys.modules["torch"], item.kind), item.key, "cpu", len(item.numbers), None
        return None


@pytest.fixture
def torch_names(monkeypatch):
    """The names that a pickle refers to, without the library."""

    def made(module, name):
        kind = type(name, (), {})
        kind.__module__, kind.__qualname__ = module, name
        return kind

    for module, names in {"torch": ["FloatStorage", "LongStorage", "HalfStorage"], "torch._utils": []}.items():
        fake = ModuleType(module)
        for name in names:
            setattr(fake, name, made(module, name))
        monkeypatch.setitem(sys.modules, module, fake)

    def _rebuild_tensor_v2(*_):
        raise AssertionError("nothing in the file is called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2


def pickled(item) -> bytes:
    stream = io.BytesIO()
    TorchPickler(stream, protocol=2).dump(item)
    return stream.getvalue()


def written(tmp_path, tree, storages, *, magic=torch_file.MAGIC_NUMBER):
    parts = [pickled(item) for item in (magic, 1001, {"little_endian": True}, tree, [one.key for one in storages])]
    for storage in storages:
        parts += [struct.pack("<q", len(storage.numbers)), storage.numbers.tobytes()]
    path = tmp_path / "weights.pth"
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def numbers():
    return Storage("FloatStorage", "0", np.arange(24, dtype="<f4"))


def test_tensors_come_with_their_offsets_and_strides(tmp_path, torch_names, numbers):
    counts = Storage("LongStorage", "1", np.array([7], "<i8"))
    tree = OrderedDict(
        plain=Tensor(numbers, 0, (2, 3), (3, 1), False, OrderedDict()),
        # Stored with the channels last, as the kernels of convolutions are.
        turned=Tensor(numbers, 6, (3, 2), (1, 3), False, OrderedDict()),
        scalar=Tensor(counts, 0, (), (), False, OrderedDict()),
    )
    arrays = torch_file.read(written(tmp_path, tree, [numbers, counts]))
    np.testing.assert_array_equal(arrays["plain"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(arrays["turned"], [[6, 9], [7, 10], [8, 11]])
    assert arrays["turned"].flags.c_contiguous
    assert arrays["scalar"] == 7


class Hostile:
    def __reduce__(self):
        return sys.modules["os"].system, ("touch ran",)


def test_a_file_that_names_code_is_refused_and_runs_nothing(tmp_path, torch_names, numbers, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, OrderedDict(weight=Hostile()), [numbers])
    with pytest.raises(DataError, match=r"it names posix\.system"):
        torch_file.read(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "arguments",
    [(20, (2, 3), (3, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (2, 2), (1,)), (0, (0,), (1,))],
    ids=["beyond its storage", "before its storage", "backwards", "strides for another shape", "empty"],
)
def test_a_tensor_that_is_not_inside_its_storage_is_refused(tmp_path, torch_names, numbers, arguments):
    tree = OrderedDict(weight=Tensor(numbers, *arguments, False, OrderedDict()))
    with pytest.raises(DataError, match="no file of PyTorch tensors"):
        torch_file.read(written(tmp_path, tree, [numbers]))


@pytest.mark.parametrize("kind", ["HalfStorage"])
def test_a_storage_of_another_type_is_refused(tmp_path, torch_names, kind):
    storage = Storage(kind, "0", np.zeros(2, "<f4"))
    with pytest.raises(DataError, match=kind):
        torch_file.read(
            written(tmp_path, OrderedDict(w=Tensor(storage, 0, (2,), (1,), False, OrderedDict())), [storage])
        )


def test_what_is_no_tensor_is_refused(tmp_path, torch_names, numbers):
    tree = OrderedDict(weight=3, other=Tensor(numbers, 0, (2,), (1,), False, OrderedDict()))
    with pytest.raises(DataError, match="does not hold tensors by name"):
        torch_file.read(written(tmp_path, tree, [numbers]))


def test_another_magic_number_is_refused(tmp_path, torch_names, numbers):
    with pytest.raises(DataError, match="magic number"):
        torch_file.read(written(tmp_path, OrderedDict(), [numbers], magic=5))


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path, torch_names, numbers):
    tree = OrderedDict(plain=Tensor(numbers, 0, (2, 3), (3, 1), False, OrderedDict()))
    path = written(tmp_path, tree, [numbers])
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(DataError) as caught:
            torch_file.read(path)
        assert "again" in caught.value.fix


def test_a_length_that_no_file_has_is_refused_before_memory_is_taken(tmp_path, torch_names, numbers):
    tree = OrderedDict(plain=Tensor(numbers, 0, (2, 3), (3, 1), False, OrderedDict()))
    path = written(tmp_path, tree, [numbers])
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<q", 24), struct.pack("<q", 1 << 60)))
    with pytest.raises(DataError, match="a storage of"):
        torch_file.read(path)
