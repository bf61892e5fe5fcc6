"""Is what lies in the store what was registered, and is it harmless to load?

The digests are taken when a version is registered and stand in its log, apart from the files; every promotion, every
rollback and `glyphline.load` compare them with the files as they are. MLflow's own `load_model` does not. Nothing here
runs or imports what the files hold.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from glyphline import files, keras_archive, mlflow_client
from glyphline.errors import ArtifactError, TrackingError
from glyphline.mlflow_client import Failure
from glyphline.registry.location import RegistryLocation
from glyphline.scratch import scratch_folder

MODEL_FILE = "MLmodel"
ARCHIVE = "data/model.keras"
SIGNATURE = "model.sig"
# Exactly what mlflow_sync.model_folder writes, and the signature: this program puts no other file there.
KNOWN = {MODEL_FILE, ARCHIVE, SIGNATURE, "data/keras_module.txt", "requirements.txt", "conda.yaml", "python_env.yaml"}
FLAVORS = {"keras", "python_function"}
# MLflow's own `load_model` leaves it beside the store's files: name and version, which it reads again.
NOTE_OF_MLFLOW = "registered_model_meta"
LOADER = "mlflow.keras"
BACKEND = "keras"
FIX = "register the model again from a run that you trust: `dvc repro`; `glyphline rollback` leaves this version"
MAX_SMALL_FILE_BYTES = 1 << 20


def digests(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every file below a model's folder, but for the signature, which is made after them.

    Raises:
        ArtifactError: something there is no plain file.
    """
    digests = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtifactError(f"{name} of the model is no plain file", fix=FIX)
        if path.is_file() and name != SIGNATURE:
            digests[name] = files.sha256(path)
    return digests


def verify(folder: Path, recorded: Mapping[str, str], what: str) -> None:
    """Refuse a model whose files are not those that were registered, or that would be more than a model.

    Args:
        folder: with the files of the version.
        recorded: path -> SHA-256, as the log has it.
        what: the version, for the error.

    Raises:
        ArtifactError: a file was changed, added or removed, or is not let through.
    """
    present = digests(folder)
    for name in sorted(recorded.keys() | present.keys()):
        if present.get(name) != recorded.get(name):
            how = "is missing" if name not in present else "was added" if name not in recorded else "was changed"
            raise ArtifactError(f"{what} is not what was registered: {name} {how}", fix=FIX)
    check(folder, what)


def check(folder: Path, what: str) -> None:
    """Refuse a folder that would be more than a plain Keras model.

    Raises:
        ArtifactError: a foreign file, another loader than Keras', code beside the model, or an archive that is refused.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in KNOWN:
            kind = "a pickle" if _is_pickle(path) else "a file that does not belong to a model"
            raise ArtifactError(f"{what} holds {name}, {kind}", fix=FIX)
    for reason in _description_faults(folder):
        raise ArtifactError(f"{what} is refused: {reason}", fix=FIX)
    keras_archive.check(folder / ARCHIVE, FIX)


@contextmanager
def fetched(location: RegistryLocation, source: str) -> Iterator[Path]:
    """A copy of a model's folder for as long as the block runs.

    A copy even of local files, so that what was verified is what is loaded; without the note that MLflow leaves when
    somebody loads the version by it.

    Args:
        location: of the registered model.
        source: where the files of the version lie.

    Raises:
        ArtifactError: they are gone.
        TrackingError: the server that has them does not answer, or went away meanwhile.
        OSError: a file of this machine is refused by the system.
        Exception: what else a request to the store raises, when the server does not give them.
    """
    from mlflow.exceptions import MlflowException

    with scratch_folder(location.scratch, "model") as target:
        try:
            folder = mlflow_client.download(source, target, location.uri)
        except (MlflowException, OSError) as error:
            if isinstance(error, OSError) and files.refusal(error) is not None:
                raise
            kind, reason = mlflow_client.failure(error), mlflow_client.reason(error, characters=200, uri=location.uri)
            if kind is Failure.NO_ANSWER:
                raise TrackingError(
                    f"the server that has the files of the model does not answer: {reason}",
                    fix="start it; then run the same command again",
                ) from None
            if kind not in {Failure.REFUSED, Failure.FAILED}:
                raise
            raise ArtifactError(f"the files of the model are not where the registry says: {reason}", fix=FIX) from None
        note = folder / NOTE_OF_MLFLOW
        if note.is_file() and not note.is_symlink():
            note.unlink()
        yield folder


def _description_faults(folder: Path) -> Iterator[str]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = folder / MODEL_FILE
    if not path.is_file() or path.stat().st_size > MAX_SMALL_FILE_BYTES:
        yield f"{MODEL_FILE} is missing or larger than {MAX_SMALL_FILE_BYTES:,} bytes"
        return
    try:
        flavors = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))["flavors"]
        function, keras = flavors["python_function"], flavors["keras"]
    # Recursion: brackets nested without end.
    except (YAMLError, KeyError, TypeError, ValueError, RecursionError):
        function = keras = flavors = None
    if not (isinstance(flavors, dict) and isinstance(function, dict) and isinstance(keras, dict)):
        yield f"{MODEL_FILE} describes no Keras model"
        return
    if strange := set(flavors) - FLAVORS:
        yield f"{MODEL_FILE} names the flavor {min(map(str, strange))!r}"
    if function.get("loader_module") != LOADER:
        yield f"{MODEL_FILE} names the loader {function.get('loader_module')!r}, and not {LOADER!r}"
    for flavor in (function, keras):
        if flavor.get("code"):
            yield f"{MODEL_FILE} brings code of its own ({flavor['code']!r})"
        if flavor.get("data", "data") != "data" or flavor.get("model_path") is not None:
            yield f"{MODEL_FILE} points at other data than the archive"
    module = folder / "data" / "keras_module.txt"
    if not module.is_file() or module.read_text(encoding="utf-8", errors="replace").strip() != BACKEND:
        yield "data/keras_module.txt names another module than Keras"


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(2)
    named = PurePosixPath(path.name).suffix in {".pkl", ".pickle", ".joblib", ".cloudpickle"}
    return named or head in keras_archive.PICKLES or bool(re.fullmatch(rb"c[a-z_]", head))
