"""Import Keras once, quietly, and without the libraries that this program does not use through it."""

import gc
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# Keras and TensorFlow import these when they are installed, for wrappers, pictures and converters that are not used
# here. They are half of the import time: 4.0 s with them, 2.0 s without, on two cores, and JAX as much again.
NOT_NEEDED = ("sklearn", "matplotlib", "pandas", "scipy", "pydot", "IPython", "PIL", "jax")


def import_keras() -> ModuleType:
    """The module `keras`, on the backend that KERAS_BACKEND names; TensorFlow when it names none."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Notes on instruction sets and missing CUDA libraries are logged as errors; what fails is raised in Python.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        # Nothing is kept from JAX, which builds on SciPy.
        blocked = NOT_NEEDED if os.environ["KERAS_BACKEND"] == "tensorflow" else ()
        with _imports_blocked(blocked), _native_stderr_withheld(), _garbage_collection_paused():
            importlib.import_module("keras")
        # TensorFlow warns as if the models of a search, each with its own functions, were one that is compiled again.
        logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
    return sys.modules["keras"]


def is_tensorflow() -> bool:
    """True when Keras runs on TensorFlow."""
    return str(import_keras().backend.backend()) == "tensorflow"


@contextmanager
def _imports_blocked(names: tuple[str, ...]) -> Iterator[None]:
    """Make `import name` fail inside the block for modules that are not loaded yet."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Collect no garbage inside the block: modules stay, and looking for it takes a sixth of the import's time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextmanager
def _native_stderr_withheld() -> Iterator[None]:
    """Keep what native code writes to stderr while it is loaded; show it only when loading fails."""
    import tempfile

    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            yield
        except BaseException:
            output.seek(0)
            os.write(saved, output.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
