"""Make an MLflow model folder from a Keras archive, without Keras.

`mlflow.keras.save_model` would have to load the archive, and TensorFlow with it. The layout is that of
mlflow/keras/save.py in MLflow 3.17.2; a test compares the names.
"""

import importlib.metadata
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import pyfunc
from mlflow.models import Model as MlflowModel
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec
from ruamel.yaml import YAML

from glyphline.journal.run_events import Signature

FLAVOR = "keras"
DATA = "data"
ARCHIVE = "model.keras"
PINNED = ("mlflow", "keras", "tensorflow", "numpy")
BUILD = ("pip", "setuptools", "wheel")


def write(folder: Path, archive: Path, signature: Signature, metadata: dict[str, Any], **identity: str) -> None:
    """Fill `folder` with a model that `mlflow.keras.load_model` and `mlflow.pyfunc.load_model` read.

    Args:
        folder: an empty folder.
        archive: a `.keras` file.
        signature: of the model's input and output.
        metadata: goes into MLmodel, for example the digest of the weights.
        identity: `model_id`, `run_id`, `artifact_path` and `utc_time_created` of the logged model.
    """
    data = folder / DATA
    data.mkdir()
    # The content without the mode: a file of DVC's cache is read-only, and so would be its copy.
    shutil.copyfile(archive, data / ARCHIVE)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    requirements = pins(PINNED)
    (folder / "requirements.txt").write_text("\n".join(requirements), encoding="utf-8")
    _write_yaml(
        folder / "python_env.yaml",
        {
            "python": platform.python_version(),
            "build_dependencies": pins(BUILD),
            "dependencies": ["-r requirements.txt"],
        },
    )
    _write_yaml(
        folder / "conda.yaml",
        {
            "name": "mlflow-env",
            "channels": ["conda-forge"],
            "dependencies": [f"python={platform.python_version()}", "pip", {"pip": requirements}],
        },
    )
    model = MlflowModel(
        model_uuid=identity.get("model_id"),
        signature=_schema(signature),
        metadata=metadata or None,
        model_size_bytes=archive.stat().st_size,
        **identity,
    )
    model.add_flavor(
        FLAVOR,
        data=DATA,
        keras_version=importlib.metadata.version("keras"),
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    pyfunc.add_to_model(model, loader_module="mlflow.keras", conda_env="conda.yaml", python_env="python_env.yaml")
    model.save(str(folder / "MLmodel"))


def is_whole(folder: Path) -> bool:
    """Whether a folder has what MLflow needs to load the model."""
    return (folder / "MLmodel").is_file() and (folder / DATA / ARCHIVE).is_file()


def pins(names: tuple[str, ...]) -> list[str]:
    """`name==version` of those that are installed."""
    requirements = []
    for name in names:
        try:
            requirements.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return requirements


def _schema(signature: Signature) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(signature.input_dtype), signature.input_shape)]),
        outputs=Schema([TensorSpec(np.dtype(signature.output_dtype), signature.output_shape)]),
    )


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    plain = YAML(typ="safe", pure=True)
    plain.default_flow_style = False
    plain.dump(content, path)
