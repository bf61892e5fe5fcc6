"""Import Keras once, quietly, and without the libraries that this program does not use through it."""

import gc
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from glyphline import environment
from glyphline.errors import TrainingError

# Keras and TensorFlow import these when they are installed, for wrappers, pictures and converters that are not used
# here. They are half of the import time: 4.0 s with them, 2.0 s without, on two cores, and JAX as much again.
NOT_NEEDED = ("sklearn", "matplotlib", "pandas", "scipy", "pydot", "IPython", "PIL", "jax")

DEFAULT_BACKEND = "tensorflow"
BACKENDS = (DEFAULT_BACKEND, "jax")


def backend_name(environ: Mapping[str, str] = os.environ) -> str:
    """The library that Keras computes with: what KERAS_BACKEND names, else TensorFlow; keras.json is not asked.

    Raises:
        TrainingError: this program does not know the library, or it is not installed.
    """
    name = environ.get("KERAS_BACKEND") or DEFAULT_BACKEND
    if name not in BACKENDS:
        raise TrainingError(f"KERAS_BACKEND={name}", fix="unset KERAS_BACKEND, or set it to tensorflow or jax")
    if importlib.util.find_spec(name) is None:
        raise TrainingError(
            f"Keras is to run on {name}, and {name} is not installed",
            fix="install what the project needs with `make setup`, or unset KERAS_BACKEND",
        )
    return name


def import_keras() -> ModuleType:
    """The module `keras`, on the backend that `backend_name` gives.

    Raises:
        TrainingError: there is no such backend, or Keras refuses the person's keras.json.
    """
    if "keras" not in sys.modules:
        # keras.json may name another one.
        os.environ["KERAS_BACKEND"] = backend_name()
        # Notes on instruction sets and missing CUDA libraries are logged as errors; what fails is raised in Python.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # Nothing is kept from JAX, which builds on SciPy.
        blocked = NOT_NEEDED if os.environ["KERAS_BACKEND"] == "tensorflow" else ()
        with _imports_blocked(blocked), _native_stderr_withheld(), _garbage_collection_paused():
            _load_keras()
        # TensorFlow warns as if the models of a search, each with its own functions, were one that is compiled again.
        logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
    return sys.modules["keras"]


def use_default_settings() -> None:
    """Give Keras its own defaults for all that a person's keras.json or variables may have set in this process.

    They would change a network without a word; `build` chooses the precision.
    """
    config = import_keras().config
    config.set_image_data_format("channels_last")
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_dtype_policy("float32")
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


def is_tensorflow() -> bool:
    """True when Keras runs on TensorFlow."""
    return str(import_keras().backend.backend()) == "tensorflow"


def _load_keras() -> None:
    try:
        # Layers of Flax, which keras.json may ask for.
        with environment.changed({"KERAS_NNX_ENABLED": "false"}):
            importlib.import_module("keras")
    except (AttributeError, ValueError) as error:
        settings = _settings_file()
        if not settings.is_file():
            raise
        raise TrainingError(
            f"Keras refuses its settings in {settings}: {error}", fix="correct or remove that file"
        ) from error


def _settings_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Keras looks for a person's settings."""
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")  # noqa: S108
    return Path(environ.get("KERAS_HOME", home / ".keras")) / "keras.json"


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
