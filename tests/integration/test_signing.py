"""Signatures of models with a pair of keys: made at registration, asked for by the gate."""

import shutil
import subprocess

import pytest

from glyphline.errors import RegistryError
from glyphline.registry import Keys, RegistryLocation, register_run, signing, verified_model
from tests.registered import Runs, made_archive


def pair(folder, name):
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return Keys(private, public)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return pair(tmp_path_factory.mktemp("keys"), "ours")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return pair(tmp_path_factory.mktemp("keys"), "theirs")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "model"
    (place / "data").mkdir(parents=True)
    made_archive(place / "data" / "model.keras")
    (place / "MLmodel").write_text("flavors: {}\n")
    return place


def test_a_signature_holds_until_a_byte_changes(folder, keys, others):
    assert signing.fault(folder, keys.public) == signing.UNSIGNED
    signing.sign(folder, keys.private)
    assert signing.fault(folder, keys.public) is None
    assert "does not hold" in signing.fault(folder, others.public)
    (folder / "MLmodel").write_text("flavors: {a: b}\n")
    assert "does not hold" in signing.fault(folder, keys.public)


def test_a_file_that_was_added_breaks_the_signature(folder, keys):
    signing.sign(folder, keys.private)
    (folder / "extra.py").write_text("")
    assert "does not hold" in signing.fault(folder, keys.public)


def test_a_missing_key_is_named(folder, tmp_path):
    with pytest.raises(RegistryError, match="there is no key"):
        signing.sign(folder, tmp_path / "nowhere.pem")


def test_the_gate_asks_for_a_signature_and_takes_none_but_ours(tmp_path, migrated_store, default_params, keys, others):
    from mlflow.tracking import MlflowClient

    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    to = RegistryLocation(f"sqlite:///{tmp_path / 'mlflow.db'}", "shapes", 5, tmp_path / "registry.lock")
    runs = Runs(MlflowClient(to.uri, to.uri), tmp_path / "runs")
    rules = default_params.registry.model_copy(update={"require_signature": True, "verification_key": str(keys.public)})
    unsigned = register_run(runs.make(960), to, rules, keys=Keys(None, keys.public))
    assert not unsigned.promoted
    assert unsigned.reasons == ("its files carry no signature, and registry.require_signature asks for one",)
    theirs = register_run(runs.make(970), to, rules, keys=Keys(others.private, keys.public))
    assert not theirs.promoted
    assert "its signature does not hold" in theirs.reasons[0]
    assert register_run(runs.make(980), to, rules, keys=keys).promoted
    with verified_model.verified_model(to, "@champion", keys) as found:
        assert (found.folder / "model.sig").is_file()
    with pytest.raises(RegistryError, match="is refused"), verified_model.verified_model(to, "@champion", others):
        pass
