"""What the fits of a process share: the devices, and the images on them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.params import Params
from glyphline.training import device
from glyphline.training.checks import check
from glyphline.training.device import Device
from glyphline.training.images import ImageSource, Resident, Streamed
from glyphline.training.keras_import import is_tensorflow
from glyphline.training.networks import check_network
from glyphline.values import Split


@dataclass(frozen=True, slots=True)
class FitContext:
    """What any number of fits in one process share.

    Attributes:
        device: hardware, precision and compilation.
        train: the training images, on the device or streaming to it.
        val: the validation split.
        project: folder that a network of the user's own is looked for in.
        strategy: TensorFlow's, for several devices; None for one.
    """

    device: Device
    train: ImageSource
    val: Split
    project: Path | None = None
    strategy: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """Where the variables of a fit are made."""
        return _scope(self.strategy)


def prepare(
    params: Params, train: Split, val: Split, *, project: Path | None = None, places: Sequence[str] = ()
) -> FitContext:
    """Load Keras, take the devices and put the training images there, or open them for streaming.

    Args:
        params: section `train` counts, but for what a search moves. That the network which they describe can be built
            is seen to here, before a search blames each trial for it.
        train: the training split.
        val: the validation split.
        project: folder that a network of the user's own is looked for in.
        places: devices to train on, as TensorFlow calls them; empty takes all GPUs, else the processor.

    Raises:
        TrainingError: the machine does not have what `params` want, or data and network do not go together.
    """
    used = params.train
    found = device.find(deterministic=used.deterministic, gpu_memory_mb=used.gpu_memory_mb)
    chosen = device.choose(used, found, places)
    check(params, train, val)
    check_network(params, train.image_shape, len(train.classes), project)
    strategy = None
    if is_tensorflow():
        from glyphline.training import tensorflow_backend

        strategy = tensorflow_backend.strategy(chosen.places)
    streams = train.images.nbytes > used.memory_mb * 2**20
    with _scope(strategy):
        source: ImageSource = Streamed(train) if streams else Resident(train)
    return FitContext(device=chosen, train=source, val=val, project=project, strategy=strategy)


def _scope(strategy: Any) -> AbstractContextManager[Any]:
    found: AbstractContextManager[Any] = strategy.scope() if strategy else nullcontext()
    return found
