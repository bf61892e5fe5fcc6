"""What is TensorFlow's own: devices, memory, determinism, data parallel training; its gradients are in `prediction`."""

import logging
from collections.abc import Sequence
from typing import Any

from glyphline.training.hardware import Gpu
from glyphline.training.keras_import import import_keras

log = logging.getLogger(__name__)


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that TensorFlow can use."""
    tf = _tensorflow()
    usable = []
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        usable.append(Gpu(str(details.get("device_name", gpu.name)), details.get("compute_capability")))
    return tuple(usable)


def set_up(*, deterministic: bool, gpu_memory_mb: int | None) -> None:
    """Prepare the devices, before the first operation runs; a second call in a process changes no memory limit.

    Args:
        deterministic: the same seed gives the same weights; operations without a repeatable kernel then fail.
        gpu_memory_mb: most megabytes to take of each GPU; None grows as needed.
    """
    tf = _tensorflow()
    for gpu in tf.config.list_physical_devices("GPU"):
        limit_memory(gpu, gpu_memory_mb)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def limit_memory(device: Any, limit_mb: int | None) -> None:
    """Keep this process from taking all the memory of a GPU."""
    tf = _tensorflow()
    try:
        if limit_mb is None:
            tf.config.experimental.set_memory_growth(device, enable=True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=limit_mb)
            tf.config.set_logical_device_configuration(device, [limit])
    except RuntimeError:
        log.debug("the memory of %s was set before", device.name)


def strategy(device_ids: Sequence[str]) -> Any:
    """What builds and fits one network on several devices and divides each batch among them; None for fewer than two.

    Args:
        device_ids: for example `("GPU:0", "GPU:1")`.
    """
    return _tensorflow().distribute.MirroredStrategy(list(device_ids)) if len(device_ids) > 1 else None


def gather(variable: Any, indices: Any) -> Any:
    """The rows of a Keras variable with these numbers.

    Not `keras.ops.take`, which reads the whole variable into a tensor first: TensorFlow has no GPU kernel that gathers
    from a uint8 tensor, and would bring all pixels to the processor in every step. It has one for a variable.
    """
    return _tensorflow().gather(variable.value, indices)


def adam() -> Any:
    """A class like `keras.optimizers.Adam` that changes a variable in one operation, and not in a dozen.

    Each of a dozen reads and writes all numbers anew, which a processor spends longer on than on the arithmetic. The
    weights come out the same but for rounding. Where a step is divided among devices it is Keras' own class.
    """
    tf, keras = _tensorflow(), import_keras()
    if tf.distribute.has_strategy():
        return keras.optimizers.Adam

    class Adam(keras.optimizers.Adam):  # type: ignore[name-defined, misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            number = self._get_variable_index(variable)
            steps = tf.cast(self.iterations.value, variable.dtype) + 1
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[number].value.handle,
                v=self._velocities[number].value.handle,
                beta1_power=self.beta_1**steps,
                beta2_power=self.beta_2**steps,
                lr=tf.cast(learning_rate, variable.dtype),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=tf.cast(gradient, variable.dtype),
            )

    return Adam


def _tensorflow() -> Any:
    import_keras()
    import tensorflow as tf

    return tf
