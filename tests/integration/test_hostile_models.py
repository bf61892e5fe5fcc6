"""Models that want to do more than predict are refused with the reason, and nothing of them ever runs."""

import os
import pickle
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from glyphline import keras_archive
from glyphline.errors import ArtifactError
from glyphline.registry import RegistryLocation, integrity, register_run, verified_model
from tests.registered import CONFIG, Runs, made_archive, weights

CANARY = "GLYPHLINE_CANARY"


class Bomb:
    """What a pickle of this does when it is loaded: it leaves a file."""

    def __init__(self, canary):
        self._canary = str(canary)

    def __reduce__(self):
        return os.system, (f"touch {self._canary}",)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "code of the model ran"


def lambda_layer(canary) -> dict:
    code = f"__import__('os').system('touch {canary}')"
    layer = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": code}}},
        "registered_name": None,
    }
    return {**CONFIG, "config": {"layers": [layer]}}


def foreign(module: str, name: str, registered: str | None = None) -> dict:
    layer = {"module": module, "class_name": name, "config": {}, "registered_name": registered}
    return {**CONFIG, "config": {"layers": [layer]}}


def external_link(stored):
    stored["secret"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_data(stored):
    stored.create_dataset("w", shape=(8,), dtype="u1", external=[("/etc/passwd", 0, 8)])


def virtual_data(stored):
    layout = h5py.VirtualLayout(shape=(8,), dtype="u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8,))
    stored.create_virtual_dataset("w", layout)


def shape_bomb(stored):
    stored.create_dataset("w", shape=(1 << 20, 1 << 12), dtype="f4", chunks=(1 << 10, 1 << 10))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (lambda_layer, "a Lambda layer, which is code"),
        (lambda _: foreign("os", "system"), "'system' of module 'os'"),
        (lambda _: foreign("kerasx.layers", "Dense"), "'Dense' of module 'kerasx.layers'"),
        (lambda _: foreign("their.layers", "Dense", "Custom>Dense"), "which is not of Keras"),
        (lambda _: foreign("builtins", "function"), "'function' of module 'builtins'"),
        (lambda _: foreign("os", "Sneaky", "glyphline>Sneaky"), "'Sneaky' of module 'os'"),
    ],
)
def test_a_configuration_that_names_code_is_refused(tmp_path, canary, config, reason):
    made_archive(tmp_path / "model.keras", config=config(canary))
    with pytest.raises(ArtifactError, match=reason):
        keras_archive.check(tmp_path / "model.keras", "do not")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"evil.pkl": b"\x80\x04."}, "'evil.pkl', which no model needs"),
        ({"../evil.py": b"import os"}, "'../evil.py'"),
        ({"model.weights.h5": weights(external_link)}, "point elsewhere"),
        ({"model.weights.h5": weights(external_data)}, "from another file"),
        ({"model.weights.h5": weights(virtual_data)}, "from another file"),
        ({"model.weights.h5": weights(shape_bomb)}, "weights of more than 1,073,741,824 bytes"),
        ({"model.weights.h5": b"no HDF5"}, "is no .keras archive"),
        ({"config.json": b"{"}, "is no .keras archive"),
    ],
)
def test_an_archive_with_more_than_a_model_in_it_is_refused(tmp_path, canary, members, reason):
    made_archive(tmp_path / "model.keras", members=members)
    with pytest.raises(ArtifactError, match=reason):
        keras_archive.check(tmp_path / "model.keras", "do not")


def test_an_archive_that_unpacks_to_more_than_a_gibibyte_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "model.keras"
    made_archive(path)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("model.weights.h5", "w", force_zip64=True) as member,
    ):
        for _ in range(1025):
            member.write(b"\0" * (1 << 20))
    assert path.stat().st_size < 2 << 20
    with pytest.raises(ArtifactError, match=r"unpacks to 1,074,790,400 bytes"):
        keras_archive.check(path, "do not")


@pytest.fixture
def stand(tmp_path, migrated_store):
    from mlflow.tracking import MlflowClient

    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    to = RegistryLocation(f"sqlite:///{tmp_path / 'mlflow.db'}", "shapes", 5, tmp_path / "registry.lock")
    return to, Runs(MlflowClient(to.uri, to.uri), tmp_path / "runs")


def add_pickle(folder, canary):
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Bomb(canary)))


def edit_loader(folder, canary):
    path = folder / "MLmodel"
    path.write_text(path.read_text().replace("loader_module: mlflow.keras", "loader_module: os"))


def bring_code(folder, canary):
    path = folder / "MLmodel"
    path.write_text(path.read_text().replace("    loader_module:", "    code: code\n    loader_module:"))


def name_module(folder, canary):
    (folder / "data" / "keras_module.txt").write_text("os")


def hide_lambda(folder, canary):
    made_archive(folder / "data" / "model.keras", config=lambda_layer(canary))


def link_out(folder, canary):
    (folder / "requirements.txt").unlink()
    (folder / "requirements.txt").symlink_to("/etc/passwd")


def flip(folder, canary):
    path = folder / "data" / "model.keras"
    content = bytearray(path.read_bytes())
    content[np.random.default_rng(0).integers(len(content))] ^= 1
    path.write_bytes(content)


HOSTILE = [
    (add_pickle, "python_model.pkl, a pickle", "python_model.pkl was added"),
    (edit_loader, "names the loader 'os'", "MLmodel was changed"),
    (bring_code, "brings code of its own", "MLmodel was changed"),
    (name_module, "names another module than Keras", "data/keras_module.txt was changed"),
    (hide_lambda, "a Lambda layer", "data/model.keras was changed"),
    (link_out, "", ""),
]


@pytest.mark.parametrize(("harm", "reason", "_later"), HOSTILE[:5])
def test_a_hostile_model_is_not_registered(stand, canary, default_params, harm, reason, _later):
    to, runs = stand
    candidate = runs.make(980)
    harm(runs.folder_of(candidate), canary)
    with pytest.raises(ArtifactError, match=reason):
        register_run(candidate, to, default_params.registry)
    assert not runs.client.search_model_versions("name = 'shapes'")


@pytest.mark.parametrize(
    ("harm", "_first", "reason"),
    [*HOSTILE[:5], (flip, "", "data/model.keras was changed"), (link_out, "", "not where the registry says")],
)
def test_a_model_that_was_changed_after_registration_is_not_loaded(stand, canary, default_params, harm, _first, reason):
    to, runs = stand
    candidate = runs.make(980)
    register_run(candidate, to, default_params.registry)
    with verified_model.verified_model(to, "@champion") as found:
        assert found.archive.is_file()
    harm(runs.folder_of(candidate), canary)
    with pytest.raises(ArtifactError, match=reason), verified_model.verified_model(to, "@champion"):
        pass


def test_what_fails_in_the_callers_own_work_is_not_told_as_an_answer_of_the_registry(stand, default_params):
    to, runs = stand
    register_run(runs.make(980), to, default_params.registry)
    with pytest.raises(FileNotFoundError), verified_model.verified_model(to, "@champion") as found:
        found.folder.joinpath("images.npy").read_bytes()


def test_every_single_changed_byte_of_an_archive_is_noticed(stand, default_params):
    to, runs = stand
    candidate = runs.make(980)
    register_run(candidate, to, default_params.registry)
    folder = runs.folder_of(candidate)
    recorded = integrity.digests(folder)
    path = folder / "data" / "model.keras"
    sound = path.read_bytes()
    for place in np.random.default_rng(1).integers(len(sound), size=100):
        content = bytearray(sound)
        content[place] ^= 1 << (place % 8)
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"data/model.keras was changed"):
            integrity.verify(folder, recorded, "version 1")


def test_nothing_that_is_registered_holds_a_pickle(stand, default_params):
    to, runs = stand
    register_run(runs.make(980), to, default_params.registry)
    with verified_model.verified_model(to, "@champion") as found:
        for path in found.folder.rglob("*"):
            assert path.is_dir() or not path.read_bytes().startswith(keras_archive.PICKLES)
