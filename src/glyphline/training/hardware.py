"""The hardware of the machine, from which `device` chooses."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
SMI_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that the backend can use.

    Attributes:
        name: as its driver calls it.
        capability: CUDA compute capability, for example (8, 0); None where it is unknown.
    """

    name: str
    capability: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a fit has to know about a machine.

    Attributes:
        backend: of Keras.
        gpus: that the backend can use.
        bfloat16: the processor's instruction set for bfloat16, `amx_bf16` or `avx512_bf16`; None without one.
    """

    backend: str
    gpus: tuple[Gpu, ...]
    bfloat16: str | None


def processor_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The processor's instruction set for bfloat16; None without one, and where the system does not say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return next((flag for flag in BFLOAT16_FLAGS if flag in flags), None)


def driver_gpus(
    proc: Path = Path("/proc/driver/nvidia/gpus"), smi: str = "nvidia-smi", environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Names of the GPUs that NVIDIA's driver shows, whether or not the backend can use them.

    Empty when CUDA_VISIBLE_DEVICES hides them all: a person has asked for that.
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "all") in {"", "-1"} or platform.system() == "Darwin":
        return []
    models = [
        line.partition(":")[2].strip()
        for path in sorted(proc.glob("*/information"))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("Model:")
    ]
    return models or _listed(smi)


def _listed(smi: str) -> list[str]:
    try:
        listing = subprocess.run(
            [smi, "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=SMI_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = listing.stdout.splitlines() if listing.returncode == 0 else []
    return [line.partition(": ")[2].split(" (UUID")[0] for line in lines if line.startswith("GPU ")]
