"""The same weights, bit by bit, however a fit gets there: killed and taken up again, resident or streaming."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from glyphline import training
from glyphline.errors import TrainingError
from glyphline.training.batch_order import generator_seed, order
from glyphline.training.images import Resident, Streamed, reader
from glyphline.values import Split
from tests.conftest import changed, environment, made_split
from tests.waiting import until

# Dropout, augmentation and momentum: all that has a state between two epochs.
VARIED = {
    "model.filters": (4,),
    "model.dense_units": 8,
    "model.dropout": 0.3,
    "train.epochs": 5,
    "train.patience": 5,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.weight_decay": 0.01,
    "train.augment.shift": 0.1,
    "train.augment.rotation_deg": 10.0,
    "train.augment.zoom": 0.1,
    "train.augment.elastic": 0.05,
    "train.augment.cutout": 0.3,
    "train.augment.flip": "horizontal",
    "train.augment.crop": 0.3,
    "train.augment.brightness": 0.2,
    "train.augment.contrast": 0.2,
    "train.augment.saturation": 0.2,
    "train.augment.hue": 0.1,
    "train.augment.mix": "cutmix",
    "train.class_weight": "balanced",
}

# Fits in a process of its own, and holds still after an epoch when it is asked to, so that it can be killed there.
FIT = """
import json, logging, sys, time
from pathlib import Path
from glyphline import params as parameters, training
from tests.conftest import ROOT, changed, made_split

values, folder, stop_after = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
logging.basicConfig(level=logging.INFO)
params = changed(parameters.read(ROOT / "params.yaml"), values)
train, val = made_split("train", 90, channels=3), made_split("val", 45, seed=1, channels=3)
context = training.prepare(params, train, val)
epochs = []

def on_epoch(epoch, metrics):
    epochs.append(epoch)
    # The hook comes before the checkpoint of its epoch.
    if epoch == stop_after:
        (folder / "reached").touch()
        time.sleep(600)

fitted = training.fit(params, context, seed=3, on_epoch=on_epoch, checkpoints=folder)
print(json.dumps({"digest": fitted.weights_digest(), "epochs": epochs, "rows": fitted.history}))
"""


@pytest.fixture(scope="module")
def varied(default_params):
    return changed(default_params, VARIED)


@pytest.fixture(scope="module")
def context(varied):
    return training.prepare(varied, made_split("train", 90, channels=3), made_split("val", 45, seed=1, channels=3))


def start(folder, stop_after):
    words = [sys.executable, "-c", FIT, json.dumps(VARIED), str(folder), str(stop_after)]
    return subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_fit_goes_on_in_a_new_process_and_ends_as_an_unbroken_one(varied, context, tmp_path):
    unbroken = training.fit(varied, context, seed=3)
    killed = start(tmp_path, stop_after=3)
    until((tmp_path / "reached").exists, 300, process=killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert len(list(tmp_path.glob("*.npz"))) == 1

    out, err = start(tmp_path, stop_after=-1).communicate(timeout=300)
    ended = json.loads(out)
    assert "going on after epoch 3, where this fit was interrupted" in err
    assert ended["digest"] == unbroken.weights_digest(), err
    assert ended["rows"] == list(unbroken.history)
    # Curves have no gap: the hook hears of the epochs of the dead process too.
    assert ended["epochs"] == [0, 1, 2, 3, 4]


class StoppedError(Exception):
    pass


def stop_in(epoch):
    def hook(number, _metrics):
        if number == epoch:
            raise StoppedError

    return hook


@pytest.fixture(scope="module")
def interrupted_fit(varied, context, tmp_path_factory):
    """A folder with the checkpoint of a fit that was left in its third epoch."""
    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(StoppedError):
        training.fit(varied, context, seed=3, on_epoch=stop_in(2), checkpoints=folder)
    return folder


@pytest.fixture
def interrupted(interrupted_fit, tmp_path):
    """A copy of that folder, for one test."""
    shutil.copytree(interrupted_fit, tmp_path, dirs_exist_ok=True)
    return tmp_path


def epochs_trained(params, context, folder, seed=3):
    """How many epochs a fit goes through itself."""
    begun = []
    context.train.batch, kept = lambda indices: begun.append(1) or kept(indices), context.train.batch
    try:
        training.fit(params, context, seed=seed, checkpoints=folder)
    finally:
        del context.train.batch
    steps = -(-len(context.train.split) // params.train.batch_size)
    # Keras asks for up to two batches before a fit, to learn their shapes.
    return round((len(begun) - 2) / steps)


def test_only_the_missing_epochs_are_trained(varied, context, interrupted):
    assert epochs_trained(varied, context, interrupted) == 3


@pytest.mark.parametrize(
    "values", [{"train.learning_rate": 0.02}, {"train.augment.shift": 0.2}, {"model.dropout": 0.1}, {"train.epochs": 6}]
)
def test_another_fit_never_resumes_it(varied, context, interrupted, values):
    other = changed(varied, values)
    assert epochs_trained(other, context, interrupted) == other.train.epochs


def test_another_seed_never_resumes_it(varied, context, interrupted):
    assert epochs_trained(varied, context, interrupted, seed=4) == 5


def test_where_the_work_is_done_does_not_matter_to_a_checkpoint(varied, context, interrupted):
    assert epochs_trained(changed(varied, {"train.memory_mb": 1}), context, interrupted) == 3


@pytest.mark.parametrize("damage", ["truncate", "empty", "text", "other"])
def test_a_damaged_checkpoint_costs_epochs_and_no_more(varied, context, interrupted, damage, caplog):
    (path,) = interrupted.glob("*.npz")
    content = path.read_bytes()
    if damage == "other":
        np.savez(path, told=np.frombuffer(b'{"rows": [], "best_epoch": 0}', np.uint8), network_00000=np.zeros(3))
    else:
        path.write_bytes({"truncate": content[: len(content) // 2], "empty": b"", "text": b"<html>"}[damage])
    assert epochs_trained(varied, context, interrupted) == 5
    assert "begins anew" in caplog.text


def test_a_fit_whose_result_is_saved_leaves_no_checkpoint(varied, context, interrupted):
    training.fit(varied, context, seed=3, checkpoints=interrupted).remove_checkpoint()
    assert list(interrupted.iterdir()) == []


def test_a_fit_that_was_killed_after_its_last_epoch_is_only_read_back(varied, context, tmp_path):
    first = training.fit(varied, context, seed=3, checkpoints=tmp_path)
    epochs = []
    again = training.fit(varied, context, seed=3, checkpoints=tmp_path, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert again.weights_digest() == first.weights_digest()
    assert epochs == [0, 1, 2, 3, 4]


def test_old_checkpoints_that_nothing_resumes_are_removed(varied, context, tmp_path):
    old, kept, young = tmp_path / "old.npz", tmp_path / "old.keras", tmp_path / "young.npz"
    for path in (old, kept, young):
        path.write_bytes(b"")
    for path in (old, kept):
        os.utime(path, (0, 0))
    training.fit(changed(varied, {"train.epochs": 1, "train.patience": 1}), context, seed=3, checkpoints=tmp_path)
    assert [path.exists() for path in (old, kept, young)] == [False, False, True]


def stored(split, folder) -> Split:
    """The same split with its images on disk."""
    np.save(folder / "images.npy", split.images)
    images = np.load(folder / "images.npy", mmap_mode="r")
    return Split(split.name, images, split.labels, split.classes, split.digest)


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_streaming_and_resident_images_give_the_same_weights(varied, tmp_path, precision):
    # Of 32 x 32 pixels, so that they take more than the smallest budget.
    train = stored(made_split("train", 1100, side=32, channels=3), tmp_path)
    val = made_split("val", 45, seed=1, side=32, channels=3)
    values = {"train.precision": precision, "train.epochs": 2, "train.patience": 2, "train.batch_size": 128}
    fits = []
    for memory_mb, kind in ((64, Resident), (1, Streamed)):
        params = changed(varied, {**values, "train.memory_mb": memory_mb})
        context = training.prepare(params, train, val)
        assert type(context.train) is kind
        fits.append(training.fit(params, context, seed=3))
    assert fits[0].weights_digest() == fits[1].weights_digest()
    assert fits[0].history == fits[1].history


def test_images_are_read_from_disk_as_they_were_written(tmp_path):
    split = made_split("train", 50)
    rows = np.array([49, 0, 7, 7])
    assert np.array_equal(reader(stored(split, tmp_path).images)(rows), split.images[rows])
    assert np.array_equal(reader(split.images)(rows), split.images[rows])


def test_a_file_that_has_shrunk_is_no_black_image(tmp_path):
    read = reader(stored(made_split("train", 50), tmp_path).images)
    os.truncate(tmp_path / "images.npy", 200)
    with pytest.raises(OSError, match="ends before image 40"):
        read(np.array([40]))


def test_order_and_chance_depend_on_seed_and_epoch_alone():
    assert np.array_equal(order(100, 7, 3), order(100, 7, 3))
    assert sorted(order(100, 7, 3)) == list(range(100))
    assert not np.array_equal(order(100, 7, 3), order(100, 7, 4))
    assert not np.array_equal(order(100, 7, 3), order(100, 8, 3))
    drawn = {generator_seed(seed, epoch, number) for seed in (7, 8) for epoch in (0, 1, 2) for number in (0, 1)}
    assert len(drawn) == 12


WITHIN_REACH = """
import keras

made = []


def build(input_shape, classes, params):
    made.append(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)]))
    return made[-1]
"""


def test_a_loss_that_is_no_number_names_epoch_step_and_rate_and_the_last_good_weights_are_kept(
    default_params, tmp_path
):
    (tmp_path / "within_reach.py").write_text(WITHIN_REACH)
    values = {"model.kind": "within_reach:build", "train.precision": "float32", "train.batch_size": 16}
    params = changed(default_params, values)
    context = training.prepare(params, made_split("train", 90), made_split("val", 45, seed=1), project=tmp_path)

    def poison(epoch, _metrics):
        if epoch == 1:
            network = sys.modules["within_reach"].made[-1]
            network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])

    with pytest.raises(
        TrainingError, match=r"epoch 3, step 1: loss nan, learning rate 0\.00\d+; the weights of"
    ) as caught:
        training.fit(params, context, seed=3, on_epoch=poison, checkpoints=tmp_path)
    assert "train.learning_rate" in caught.value.fix
    (kept,) = tmp_path.glob("*.keras")
    assert str(kept) in caught.value.problem
    assert np.isfinite(
        training.open_classifier(kept, context.val, batch_size=16).probabilities(context.val.images)
    ).all()
