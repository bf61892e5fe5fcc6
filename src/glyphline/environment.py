"""Environment variables: set for the time of a block, and those of a person that would change the outs of a stage."""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

# By these a shell changes what Keras, TensorFlow, oneDNN, JAX and cuBLAS compute, and how figures look. Prefixes, so
# that what the next version of a library reads is among them.
CHANGES_OUTS = ("DNNL_", "JAX_", "KERAS_", "MATPLOTLIBRC", "MPLBACKEND", "NVIDIA_TF32_OVERRIDE", "ONEDNN_", "TF_")
# These choose the backend, the devices and their memory, a cache, or what is logged (docs/architecture.md); the last
# ones are Terraform's.
KEPT = (
    "JAX_COMPILATION_CACHE",
    "JAX_PLATFORMS",
    "KERAS_BACKEND",
    "KERAS_HOME",
    "TF_CPP_",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
    "TF_CLI_",
    "TF_IN_AUTOMATION",
    "TF_LOG",
    "TF_VAR_",
    "TF_WORKSPACE",
)


def remove_foreign(environ: MutableMapping[str, str] = os.environ) -> list[str]:
    """Remove the variables that would change the outs of a stage; to be called before a library reads them.

    Returns:
        Their names, sorted.
    """
    foreign = sorted(name for name in environ if name.startswith(CHANGES_OUTS) and not name.startswith(KEPT))
    for name in foreign:
        del environ[name]
    return foreign


@contextmanager
def changed(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables inside the block; after it each is as it was before."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
