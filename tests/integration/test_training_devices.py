"""Several devices, memory limits and other backends, in processes of their own: a process has one of each."""

import json
import subprocess
import sys

import pytest

from tests.conftest import environment

SMALL = {
    "model.filters": (4,),
    "model.dense_units": 8,
    "train.epochs": 12,
    "train.patience": 12,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.precision": "float32",
    "train.augment.shift": 0.05,
}

# `before` runs when Keras is loaded and no device is set up; `device_ids` and the parameters come as JSON.
FIT = """
import json, sys
from glyphline import params as parameters, training
from glyphline.training.keras_import import import_keras
from tests.conftest import ROOT, changed, made_split

values, device_ids, before = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
count, side, channels = json.loads(sys.argv[4])
import_keras()
exec(before)
params = changed(parameters.read(ROOT / "params.yaml"), values)
train = made_split("train", count, side=side, channels=channels)
val = made_split("val", 60, seed=1, side=side, channels=channels)
context = training.prepare(params, train, val, device_ids=device_ids)
fits = [training.fit(params, context, seed=3) for _ in range(2)]
print(json.dumps({
    "device": str(context.device),
    "digests": [fitted.weights_digest() for fitted in fits],
    "val_accuracy": fits[0].best_metrics["val_accuracy"],
    "epochs": len(fits[0].history),
}))
"""

# All that is drawn at random from a batch, and what weighs its images.
VARIED = {
    **{f"train.augment.{name}": 0.1 for name in ("crop", "brightness", "contrast", "saturation", "hue")},
    "train.augment.mix": "cutmix",
    "train.class_weight": "balanced",
}
# Images, their side and their channels.
SMALL_GREY, SMALL_COLOURED = (96, 8, 1), (96, 8, 3)
TWO = ["CPU:0", "CPU:1"]
TWO_PROCESSORS = """
import tensorflow as tf
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

MEMORY = """
import tensorflow as tf
from glyphline.training import tensorflow_backend
(processor,) = tf.config.list_physical_devices("CPU")
try:
    tensorflow_backend.limit_memory(processor, 512)
except ValueError as error:
    # TensorFlow lets only GPUs be capped, and its refusal shows that the limit has arrived.
    print(json.dumps(str(error)))
sys.exit()
"""


def attempt(values=(), device_ids=(), before="", data=SMALL_GREY, **environ):
    words = [
        sys.executable,
        "-c",
        FIT,
        json.dumps(SMALL | dict(values)),
        json.dumps(device_ids),
        before,
        json.dumps(data),
    ]
    return subprocess.run(words, env=environment(**environ), capture_output=True, text=True, check=False, timeout=500)


def fit(*args, **kwargs):
    done = attempt(*args, **kwargs)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


# The program `FIT` again and again in one process, which loads its libraries once; the arguments of each come as JSON.
MANY = """
import json, sys
program, *jobs = json.loads(sys.argv[1])
for job in jobs:
    sys.argv[1:] = job
    exec(program, {})
"""


def fits(*jobs, **environ):
    """What the jobs leave, one after another in one process; each is (values, devices, before, data)."""
    arguments = [
        [json.dumps(SMALL | values), json.dumps(devices), before, json.dumps(data)]
        for values, devices, before, data in jobs
    ]
    words = [sys.executable, "-c", MANY, json.dumps([FIT, *arguments])]
    done = subprocess.run(words, env=environment(**environ), capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"device"')]


@pytest.fixture(scope="module")
def on_processors():
    """A fit on one of two processors, and one on both."""
    return fits(({}, TWO[:1], TWO_PROCESSORS, SMALL_GREY), ({}, TWO, "", SMALL_GREY))


@pytest.fixture(scope="module")
def on_jax():
    """A fit of one network, one of two as one classifier, and one of images that are varied in every way."""
    pytest.importorskip("jax", reason="the optional extra `jax` is not installed")
    jobs = (
        ({}, (), "", SMALL_GREY),
        ({"model.members": 2}, (), "", SMALL_GREY),
        (VARIED, (), "", SMALL_COLOURED),
    )
    return fits(*jobs, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")


def test_data_parallel_training_learns_as_one_device_does_and_repeats_itself(on_processors):
    alone, both = on_processors
    assert "2 x" not in alone["device"]
    assert "2 x CPU" in both["device"]
    assert both["digests"][0] == both["digests"][1]
    assert both["epochs"] == alone["epochs"] == 12
    assert both["val_accuracy"] >= alone["val_accuracy"] - 0.1
    assert both["val_accuracy"] > 0.85


def test_data_parallel_training_takes_images_that_stream():
    # A process of its own: TensorFlow mixes up the sums of two fits of different sizes over the same devices.
    values = {"train.memory_mb": 1, "train.epochs": 2, "train.patience": 2}
    # 1100 images of 32 x 32 are more than a megabyte.
    (both,) = fits((values, TWO, TWO_PROCESSORS, (1100, 32, 1)))
    assert "2 x CPU" in both["device"]
    assert both["digests"][0] == both["digests"][1]
    assert both["val_accuracy"] > 0.85


def test_on_jax_the_small_model_gets_the_accuracy_of_tensorflow(on_jax, on_processors):
    one, *_ = on_jax
    assert "JAX always compiles" in one["device"]
    assert one["digests"][0] == one["digests"][1]
    assert one["val_accuracy"] >= on_processors[0]["val_accuracy"] - 0.1
    assert one["val_accuracy"] > 0.85


def test_colours_crops_mixtures_and_weighed_classes_train_on_jax_too(on_jax):
    *_, varied = on_jax
    assert varied["digests"][0] == varied["digests"][1]
    assert varied["val_accuracy"] > 0.7


def test_each_device_mixes_the_labels_of_the_images_that_it_mixes():
    # Mixed across the devices, half of the labels would be wrong, and nothing could be learned from them.
    values = VARIED | {"train.augment.mix": "mixup", "train.augment.mix_alpha": 5.0}
    (both,) = fits((values, TWO, TWO_PROCESSORS, SMALL_COLOURED))
    assert "2 x CPU" in both["device"]
    assert both["digests"][0] == both["digests"][1]
    assert both["val_accuracy"] > 0.7


def test_colours_crops_and_mixtures_are_compiled_by_xla():
    values = VARIED | {"train.xla": "on", "train.deterministic": False}
    (compiled,) = fits((values, (), "", SMALL_COLOURED))
    assert "XLA" in compiled["device"]
    assert compiled["val_accuracy"] > 0.7


def test_several_networks_as_one_classifier_train_on_jax_too(on_jax):
    _, two, _ = on_jax
    assert two["digests"][0] == two["digests"][1]
    assert two["val_accuracy"] > 0.85


def test_a_backend_that_is_neither_is_refused():
    done = attempt(KERAS_BACKEND="numpy")
    assert done.returncode != 0
    assert "TrainingError: KERAS_BACKEND=numpy" in done.stderr


def test_a_memory_limit_reaches_the_device():
    assert "memory" in fit(before=MEMORY).lower()
