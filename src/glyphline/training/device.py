"""Where the fit runs, and the few calls that only TensorFlow has."""

import logging
from dataclasses import dataclass

from glyphline.training.loading import load

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """The hardware in use, as it is recorded on the run."""

    name: str
    precision: str
    xla: bool

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}, XLA {'on' if self.xla else 'off'}"


def set_up(*, deterministic: bool) -> Device:
    """Take the GPUs there are, or the processor, before the first operation runs.

    Args:
        deterministic: the same seed gives the same weights; operations without a repeatable kernel then fail.
    """
    keras, tf = load()
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            # Without it one process takes all the memory of the card.
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        except RuntimeError:
            log.debug("memory growth of %s was set before", gpu.name)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
        name = f"GPU {names[0]}" if len(names) == 1 else f"GPU {names[0]} (first of {len(names)})"
    else:
        name = "CPU"
    # XLA makes this network 2 to 4 times slower on a processor, and determinism switches it off on a GPU.
    return Device(name=name, precision=keras.config.dtype_policy().name, xla=bool(gpus) and not deterministic)
