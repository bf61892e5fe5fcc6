"""Where and how the fit runs: device, precision and compilation, chosen from the hardware and recorded."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glyphline.errors import TrainingError
from glyphline.params.train import TrainParams
from glyphline.training import hardware
from glyphline.training.hardware import Gpu, Hardware
from glyphline.training.keras_import import import_keras, use_default_settings

log = logging.getLogger(__name__)

# Ampere, the first generation with bfloat16 in its tensor cores; half precision came with Volta.
BFLOAT16_CAPABILITY, FLOAT16_CAPABILITY = (8, 0), (7, 0)
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclass(frozen=True, slots=True)
class Device:
    """The hardware in use, with the precision and the compilation that were chosen for it.

    Attributes:
        name: for a person, as "CPU" or "2 x GPU NVIDIA A100".
        device_ids: the backend's names of the devices, as "GPU:0"; empty for its own choice.
        precision: of the layers' computations; weights, logits and loss are float32.
        xla: the step is compiled with XLA.
        why: the reasons for precision and XLA, one line.
    """

    name: str
    device_ids: tuple[str, ...]
    precision: str
    xla: bool
    why: str

    @property
    def policy(self) -> str:
        """Keras' name for the precision."""
        return POLICIES[self.precision]

    def tags(self) -> dict[str, str]:
        """As a run shows it."""
        return {
            "glyphline.device": self.name,
            "glyphline.precision": self.precision,
            "glyphline.xla": "on" if self.xla else "off",
            "glyphline.choice": self.why,
        }

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}, XLA {'on' if self.xla else 'off'} ({self.why})"


def detect(*, deterministic: bool, gpu_memory_mb: int | None) -> Hardware:
    """Find the hardware, prepare its devices and set what Keras shares; to be called before the first operation runs.

    Raises:
        TrainingError: Keras runs on a backend that is not known here, or on one that cannot limit its memory so.
    """
    backend = str(import_keras().backend.backend())
    use_default_settings()
    if backend == "jax":
        from glyphline.training import jax_backend

        jax_backend.set_up(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
        return Hardware("jax", jax_backend.gpus(), bfloat16=None)
    if backend != "tensorflow":
        raise TrainingError(f"Keras runs on {backend}", fix="unset KERAS_BACKEND, or set it to tensorflow or jax")
    from glyphline.training import tensorflow_backend

    tensorflow_backend.set_up(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
    usable = tensorflow_backend.gpus()
    warn_of_idle_gpus(usable)
    return Hardware("tensorflow", usable, hardware.processor_bfloat16())


def warn_of_idle_gpus(usable: Sequence[Gpu], shown: Callable[[], list[str]] = hardware.driver_gpus) -> None:
    """Warn when a GPU stands idle because TensorFlow lacks what it needs to use it."""
    if not usable and (idle := shown()):
        log.warning(
            "the driver shows %s, and TensorFlow cannot use it: training on the processor\n"
            "fix: `make setup GPU=1`, or `pip install 'tensorflow[and-cuda]'`, then look with `nvidia-smi` whether "
            "the driver is new enough",
            " and ".join(idle),
        )


def choose(train: TrainParams, machine: Hardware, device_ids: Sequence[str] = (), *, depthwise: bool = False) -> Device:
    """Decide how to train on this machine.

    Args:
        train: precision, xla and deterministic count.
        machine: its hardware.
        device_ids: devices to train on, for example one GPU per process; empty for all GPUs, else the processor.
        depthwise: the network is made of depthwise convolutions.

    Raises:
        TrainingError: the hardware cannot compute in the precision, or the batch cannot be divided among the devices.
    """
    if not device_ids and machine.backend == "tensorflow":
        device_ids = [f"GPU:{number}" for number in range(len(machine.gpus))]
    if len(device_ids) > train.batch_size:
        raise TrainingError(
            f"train.batch_size={train.batch_size} cannot be divided among {len(device_ids)} devices",
            fix="raise train.batch_size, or show fewer GPUs with CUDA_VISIBLE_DEVICES",
        )
    precision, reason = _precision(train.precision, machine, depthwise=depthwise)
    xla, xla_reason = _xla(train, machine)
    return Device(name(machine, device_ids), tuple(device_ids), precision, xla, f"{reason}; {xla_reason}")


def name(machine: Hardware, device_ids: Sequence[str] = ("",)) -> str:
    """What computes, for a person: "CPU", "2 x GPU NVIDIA A100"."""
    if not machine.gpus:
        return "CPU" if len(device_ids) < 2 else f"{len(device_ids)} x CPU"
    count = f"{len(device_ids)} x " if len(device_ids) > 1 else ""
    return f"{count}GPU {machine.gpus[0].name}"


def _precision(wanted: str, machine: Hardware, *, depthwise: bool) -> tuple[str, str]:
    support, objection = _bfloat16(machine)
    if wanted == "auto":
        if depthwise and not machine.gpus:
            # A step takes 55 ms an image in bfloat16 and 26 ms in float32, at 224 x 224 on two cores.
            return "float32", "float32: depthwise convolutions are slower in bfloat16 on a processor"
        return ("bfloat16", f"bfloat16: {support}") if support else ("float32", f"float32: {objection}")
    if wanted == "bfloat16" and not support:
        raise TrainingError(f"train.precision=bfloat16, and {objection}", fix="set train.precision to auto or float32")
    if wanted == "float16" and not any((gpu.capability or (99, 0)) >= FLOAT16_CAPABILITY for gpu in machine.gpus):
        raise TrainingError(
            "train.precision=float16, and there is no GPU of compute capability 7.0 or more",
            fix="set train.precision to auto or float32",
        )
    return wanted, f"{wanted}: train.precision says so"


def _bfloat16(machine: Hardware) -> tuple[str, str]:
    """Why bfloat16 can be used, or else why it cannot; one of the two is empty."""
    if machine.gpus:
        if all((gpu.capability or (0, 0)) >= BFLOAT16_CAPABILITY for gpu in machine.gpus):
            return "the GPU has compute capability 8.0 or more", ""
        return "", "a GPU has compute capability below 8.0"
    if machine.backend != "tensorflow":
        return "", f"bfloat16 is not tested on {machine.backend} without a GPU"
    if machine.bfloat16:
        return f"the processor has {machine.bfloat16}", ""
    return "", "the processor has no instructions for bfloat16"


def _xla(train: TrainParams, machine: Hardware) -> tuple[bool, str]:
    if machine.backend == "jax":
        return True, "XLA on: JAX always compiles"
    if train.xla != "auto":
        return train.xla == "on", f"XLA {train.xla}: train.xla says so"
    if not machine.gpus:
        return False, "XLA off: slower on a processor"
    if train.deterministic:
        return False, "XLA off: train.deterministic excludes it"
    return True, "XLA on: there is a GPU"
