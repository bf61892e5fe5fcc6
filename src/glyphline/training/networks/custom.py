"""A network from the user's own function, which is imported, called and checked."""

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.training.keras_import import import_keras

SIGNATURE = "def build(input_shape, classes, params) -> keras.Model"
_FIX = f"write {SIGNATURE}, float32 images in [0, 1] in, logits (n, classes) out; docs/custom-models.md has an example"


def body(params: Params, image_shape: tuple[int, int, int], classes: int, project: Path | None) -> Callable[[Any], Any]:
    """The network that the function of `model.kind` returns.

    Args:
        params: handed to the function.
        image_shape: (h, w, c), handed to the function.
        classes: handed to the function.
        project: folder to look for the module in, besides Python's own search path.

    Raises:
        TrainingError: there is no such function, it fails, or its network is not one for these images and classes, or
            could not be read back from its archive.
    """
    kind = params.model.kind
    function = _function(kind, project)
    try:
        network = function(image_shape, classes, params)
    except Exception as error:
        raise TrainingError(f"{kind} failed: {type(error).__name__}: {error}", fix=_FIX) from error
    _check(network, kind, image_shape, classes)

    def apply(images: Any) -> Any:
        logits = network(images)
        # A custom head may compute in half precision; the softmax must not.
        return (
            logits if logits.dtype == "float32" else import_keras().layers.Activation("linear", dtype="float32")(logits)
        )

    return apply


def source_files(kind: str, project: Path | None) -> list[Path]:
    """The Python files of the function that `model.kind` names, looked up without running; none for a built-in network.

    They are all files of the outermost package that holds its module, of the module's folder where that is no
    package, or the one file of a module outside any package.

    Raises:
        TrainingError: there is no such module.
    """
    if ":" not in kind:
        return []
    module = kind.partition(":")[0]
    with _SearchPath(project):
        file = _find(module)
    if file is None:
        where = f"{project} and on PYTHONPATH" if project else "PYTHONPATH"
        raise TrainingError(
            f"model.kind={kind}: there is no module {module} (looked in {where})",
            fix="put it in src/models/ and write `model.kind: models.<file>:<function>`; for a queued experiment, which"
            " has only what git knows, `git add src/models` and queue it again",
        )
    # How many of the folders above the file the name goes through.
    depth = module.count(".") + (file.name == "__init__.py")
    if not depth:
        return [file]
    *_, folder = (file.parent, *takewhile(_is_package, file.parents[1:depth]))
    return sorted(folder.rglob("*.py"))


def _find(module: str) -> Path | None:
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
        for name in rest:
            if spec is None or spec.submodule_search_locations is None:
                return None
            # Not `find_spec` of the whole name: it runs each package on the way.
            spec = PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations)
    except (ImportError, ValueError):
        return None
    file = Path(spec.origin) if spec is not None and spec.origin is not None else None
    return file if file is not None and file.is_file() else None


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _function(kind: str, project: Path | None) -> Callable[..., Any]:
    source_files(kind, project)
    module, _, name = kind.partition(":")
    try:
        with _SearchPath(project):
            function = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise TrainingError(
            f"model.kind={kind}: importing {module} failed: {type(error).__name__}: {error}",
            fix=f"make `python -c 'import {module}'` work in the project's folder",
        ) from error
    if not callable(function):
        raise TrainingError(f"model.kind={kind}: {module} has no function {name}", fix=_FIX)
    checked: Callable[..., Any] = function
    return checked


def _check(network: Any, kind: str, image_shape: tuple[int, int, int], classes: int) -> None:
    keras = import_keras()
    if not isinstance(network, keras.Model):
        raise TrainingError(f"{kind} gives {type(network).__name__}, not a keras.Model", fix=_FIX)
    try:
        logits = keras.ops.convert_to_numpy(network(keras.ops.zeros((2, *image_shape)), training=False))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"the network of {kind} does not take float32 images (n, {', '.join(map(str, image_shape))}): {reason}",
            fix=_FIX,
        ) from error
    if logits.shape != (2, classes):
        raise TrainingError(
            f"the network of {kind} gives {logits.shape} for 2 images, and (2, {classes}) is needed", fix=_FIX
        )
    if _ends_in_softmax(network):
        raise TrainingError(
            f"the network of {kind} ends in a softmax, and the loss wants logits",
            fix="take the softmax away: the saved model gets its own",
        )
    foreign = {type(layer) for layer in network._flatten_layers() if not _is_keras(type(layer))}  # noqa: SLF001
    if foreign:
        names = ", ".join(sorted(layer.__qualname__ for layer in foreign))
        raise TrainingError(
            f"the network of {kind} holds {names}, which a saved model cannot be read back with",
            fix="build it from Keras' own layers, none of them a Lambda, as a keras.Sequential or a keras.Model",
        )


def _ends_in_softmax(network: Any) -> bool:
    layers = network.layers
    last = layers[-1] if layers else None
    return type(last).__name__ == "Softmax" or getattr(getattr(last, "activation", None), "__name__", "") == "softmax"


def _is_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras" and kind.__name__ != "Lambda"


class _SearchPath:
    """The project's folders on Python's search path, for the time of an import.

    The folder itself comes last: a file in it that is named like a library does not replace it.
    """

    def __init__(self, project: Path | None) -> None:
        self._project = project

    def __enter__(self) -> None:
        self._before = list(sys.path)
        if self._project is not None:
            sys.path[:] = [str(self._project / "src"), *sys.path, str(self._project)]
        importlib.invalidate_caches()

    def __exit__(self, *_: object) -> None:
        sys.path[:] = self._before
