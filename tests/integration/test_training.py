"""The training room against real Keras, on made images."""

import zipfile

import numpy as np
import pytest

from glyphline import training
from glyphline.errors import ArtifactError, TrainingError
from glyphline.training import archive, objective
from glyphline.training.networks import build
from glyphline.training.prediction import probabilities
from glyphline.training.schedule import schedule
from glyphline.training.validation import Validation, cross_entropy
from glyphline.values import Split
from tests.conftest import changed, made_split

SMALL = {
    "model.filters": (4,),
    "model.dense_units": 8,
    "train.epochs": 3,
    "train.patience": 3,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.precision": "float32",
}


@pytest.fixture(scope="module")
def small(default_params):
    return changed(default_params, SMALL)


@pytest.fixture(scope="module")
def context(small):
    return training.prepare(small, made_split("train", 90), made_split("val", 45, seed=1))


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others(small, context):
    first, second, other = (training.fit(small, context, seed=seed) for seed in (3, 3, 4))
    assert first.weights_digest() == second.weights_digest() != other.weights_digest()
    assert first.history == second.history


def test_it_learns_what_is_there_to_learn(small, context):
    fitted = training.fit(changed(small, {"train.epochs": 12}), context, seed=0)
    assert fitted.best_metrics["val_accuracy"] > 0.9


def test_the_weights_are_those_of_the_best_epoch(small, context):
    fitted = training.fit(changed(small, {"train.epochs": 6, "train.learning_rate": 0.5}), context, seed=0)
    probs = probabilities(fitted.model, context.val.images, 64)
    smoothing = small.train.label_smoothing
    assert cross_entropy(probs, context.val.labels, smoothing) == pytest.approx(
        fitted.best_metrics["val_loss"], rel=1e-5
    )
    assert fitted.best_metrics["val_loss"] == min(row["val_loss"] for row in fitted.history)


def validation_of(predict, val, **options):
    return Validation(val.labels, predict=predict, weights=list, hook=None, **options)


class Settling:
    """A network that is first certain and sometimes wrong, then less certain and always right."""

    def __init__(self, labels):
        self.labels, self.asked = labels, 0

    def predict(self):
        self.asked += 1
        right = 0.999 if self.asked == 1 else 0.9
        probs = np.full((len(self.labels), 3), (1 - right) / 2, dtype=np.float32)
        probs[np.arange(len(self.labels)), self.labels] = right
        if self.asked == 1:
            probs[::20] = (0.32, 0.34, 0.34)
        return probs


def test_the_best_epoch_is_the_one_with_the_lowest_loss_of_the_kind_that_is_minimised(context):
    plain, smoothed = (
        validation_of(Settling(context.val.labels).predict, context.val, label_smoothing=smoothing, patience=2)
        for smoothing in (0.0, 0.1)
    )
    for validation in (plain, smoothed):
        validation.end_epoch(0.1, 0.9, 0.01)
        validation.end_epoch(0.1, 0.9, 0.01)
    assert (plain.best_epoch, smoothed.best_epoch) == (0, 1)


def test_smoothed_cross_entropy_is_that_of_keras():
    from glyphline.training.keras_import import import_keras

    keras = import_keras()
    probs = np.random.default_rng(0).dirichlet(np.ones(4), size=9).astype(np.float32)
    labels = np.arange(9) % 4
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)(np.eye(4)[labels], probs)
    assert cross_entropy(probs, labels, 0.2) == pytest.approx(float(theirs), rel=1e-5)


class Fading:
    """A network that gives the right class a little less each time it is asked."""

    def __init__(self, labels):
        self.labels, self.right = labels, 0.9

    def predict(self):
        self.right -= 0.1
        probs = np.full((len(self.labels), 3), (1 - self.right) / 2, dtype=np.float32)
        probs[np.arange(len(self.labels)), self.labels] = self.right
        return probs


def test_it_stops_after_patience_epochs_without_a_better_loss(context):
    validation = validation_of(Fading(context.val.labels).predict, context.val, patience=2)
    hopeless = []
    for _ in range(3):
        validation.end_epoch(0.1, 0.9, 0.01)
        hopeless.append(validation.should_stop)
    assert hopeless == [False, False, True]
    assert validation.best_epoch == 0


def test_the_hook_sees_every_epoch_in_order_and_may_end_the_fit(small, context):
    class EnoughError(Exception):
        pass

    epochs = []

    def hook(epoch, metrics):
        assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"} == set(metrics)
        epochs.append(epoch)
        if epoch == 1:
            raise EnoughError

    with pytest.raises(EnoughError):
        training.fit(small, context, seed=0, on_epoch=hook)
    assert epochs == [0, 1]


def test_a_validation_loss_that_is_no_number_is_a_training_error_with_advice(small, context):
    def broken():
        return np.full((len(context.val), 3), np.nan, dtype=np.float32)

    validation = validation_of(broken, context.val, patience=1)
    with pytest.raises(TrainingError, match="epoch 1") as caught:
        validation.end_epoch(0.1, 0.9, 0.01)
    assert "learning_rate" in caught.value.fix


@pytest.mark.parametrize("damage", ["truncate", "flip", "text", "missing"])
def test_a_damaged_archive_is_refused_before_keras_reads_it(small, context, tmp_path, damage):
    path = tmp_path / "model.keras"
    training.fit(changed(small, {"train.epochs": 1, "train.patience": 1}), context, seed=0).save(path)
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        with zipfile.ZipFile(path) as archived:
            start = archived.getinfo("model.weights.h5").header_offset + 200
        content[start] ^= 1
        path.write_bytes(content)
    elif damage == "text":
        path.write_text("<html>")
    else:
        path.unlink()
    with pytest.raises(ArtifactError) as caught:
        archive.open_model(path)
    assert "dvc repro --force --single-item train" in caught.value.fix


def test_pixels_are_gathered_from_the_variable_itself_for_which_gpus_have_a_kernel(context):
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import kernels

    model = keras.Model(*context.train.pixels())
    traced = tf.function(model).get_concrete_function(tf.TensorSpec((None,), tf.int32))
    types = {operation.type for operation in traced.graph.get_operations()}
    assert "ResourceGather" in types
    assert "GatherV2" not in types
    gpu = [
        kernel
        for kernel in kernels.get_registered_kernels_for_op("ResourceGather").kernel
        if kernel.device_type == "GPU"
    ]
    uint8 = tf.uint8.as_datatype_enum
    # A build without CUDA has no GPU kernels at all.
    assert not gpu or any(uint8 in rule.allowed_values.list.type for kernel in gpu for rule in kernel.constraint)


def test_the_schedule_rises_to_its_peak_and_falls(default_params):
    schedule = made_schedule(default_params, {"train.learning_rate": 0.1, "train.warmup": 0.25}, 100)
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[0] == pytest.approx(0.01, rel=1e-3)
    assert max(rates) == pytest.approx(0.1, rel=1e-2)
    assert 20 <= rates.index(max(rates)) <= 30
    assert rates[-1] == pytest.approx(0.001, rel=1e-2)
    assert rates[26:] == sorted(rates[26:], reverse=True)


def test_a_constant_schedule_without_warm_up_is_the_peak_at_every_step(default_params):
    values = {"train.learning_rate": 0.1, "train.schedule": "constant", "train.warmup": 0.0}
    schedule = made_schedule(default_params, values, 100)
    assert [float(schedule(step)) for step in (0, 50, 100)] == pytest.approx([0.1] * 3)


def test_label_smoothing_spreads_its_part_over_all_classes(default_params):
    labels, logits = np.array([0, 2], dtype=np.int32), np.array([[2.0, 0.0, 1.0], [0.5, 0.1, 3.0]], dtype=np.float32)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    for part in (0.0, 0.3):
        target = np.eye(3)[labels] * (1 - part) + part / 3
        value = objective.loss(changed(default_params, {"train.label_smoothing": part}).train, 3)(
            labels, logits[:, None]
        )
        assert float(value) == pytest.approx(-(target * log_probs).sum(axis=1).mean(), rel=1e-5)


def test_the_loss_of_an_image_counts_as_its_class_does(default_params):
    labels, logits = np.array([0, 2, 2], dtype=np.int32), np.random.default_rng(0).normal(size=(3, 2, 3))
    params, weights = default_params.train, np.array([0.5, 0.0, 3.0], np.float32)
    each = [float(objective.loss(params, 3)(labels[[n]], logits[[n]].astype(np.float32))) for n in range(3)]
    weighed = objective.loss(params, 3, weights)(labels, logits.astype(np.float32))
    assert float(weighed) == pytest.approx(np.mean(weights[labels] * each), rel=1e-5)


def overlapping(name, counts, seed):
    """Images of one grey each: the classes overlap, so that the larger one is the better guess in between."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], counts)
    greys = np.clip(rng.normal(np.where(labels == 0, 100, 150), 40), 0, 255).astype(np.uint8)
    images = np.broadcast_to(greys[:, None, None, None], (len(labels), 8, 8, 1)).copy()
    return Split(name, images, labels.astype(np.int64), ("many", "few"), f"{name}-{counts}")


def test_balanced_classes_are_answered_alike_however_few_images_one_has(small):
    train, val = overlapping("train", (300, 30), 0), overlapping("val", (300, 30), 1)
    shares = {}
    for kind in ("none", "balanced"):
        values = {"train.class_weight": kind, "train.epochs": 6, "train.patience": 6, "train.learning_rate": 0.003}
        params = changed(small, values)
        fitted = training.fit(params, training.prepare(params, train, val), seed=0)
        right = probabilities(fitted.model, val.images, 64).argmax(axis=1) == val.labels
        shares[kind] = [right[val.labels == label].mean() for label in (0, 1)]
        assert fitted.balanced_accuracy(val) == pytest.approx(np.mean(shares[kind]))
    assert shares["none"][1] < 0.35
    assert shares["balanced"][1] > 0.55
    assert np.mean(shares["balanced"]) > np.mean(shares["none"]) + 0.05


def test_biases_and_normalisations_do_not_decay(default_params, context):
    params = changed(default_params, {**SMALL, "train.weight_decay": 0.1}).train
    network = build(changed(default_params, SMALL), context.val.image_shape, 3)
    made = objective.optimizer(params, 10, network.model.trainable_variables, scales_loss=False)
    decayed = {v.name for v in network.model.trainable_variables if made._use_weight_decay(v)}
    assert decayed == {"kernel"}


def made_schedule(params, values, steps):
    return schedule(changed(params, values).train, steps)


SGD = {"train.optimizer": "sgd", "train.schedule": "constant", "train.warmup": 0.0, "train.learning_rate": 0.1}


def stepped(params, weights, *gradients):
    """A weight after steps with these gradients, as its optimizer takes them."""
    import keras

    variable = keras.Variable(np.float32(weights), name="kernel")
    made = objective.optimizer(params.train, 10, [variable], scales_loss=False)
    for gradient in gradients:
        made.apply([keras.ops.convert_to_tensor(np.float32(gradient))], [variable])
    return type(made).__name__, float(keras.ops.convert_to_numpy(variable))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_steps_with_nesterov_momentum_and_plainly_without_any(small, momentum):
    params = changed(small, {**SGD, "train.momentum": momentum, "train.weight_decay": 0.0})
    weight, velocity = 1.0, 0.0
    for gradient in (1.0, -0.5, 2.0):
        velocity = momentum * velocity - 0.1 * gradient
        weight += momentum * velocity - 0.1 * gradient
    assert stepped(params, 1.0, 1.0, -0.5, 2.0) == ("SGD", pytest.approx(weight, rel=1e-5))


def test_weight_decay_of_sgd_is_taken_off_the_weight_times_the_step_size(small):
    params = changed(small, {**SGD, "train.momentum": 0.0, "train.weight_decay": 0.5})
    assert stepped(params, 2.0, 0.0) == ("SGD", pytest.approx(2.0 - 0.1 * 0.5 * 2.0, rel=1e-5))


def test_adamw_takes_its_momentum_and_its_memory_from_the_parameters(small):
    values = {**SGD, "train.optimizer": "adamw", "train.momentum": 0.5, "train.beta_2": 0.75, "train.weight_decay": 0.0}
    first, second, weight = 0.0, 0.0, 1.0
    for step, gradient in enumerate((1.0, -3.0), start=1):
        first = 0.5 * first + 0.5 * gradient
        second = 0.75 * second + 0.25 * gradient**2
        weight -= 0.1 * (first / (1 - 0.5**step)) / ((second / (1 - 0.75**step)) ** 0.5 + 1e-7)
    assert stepped(changed(small, values), 1.0, 1.0, -3.0) == ("Adam", pytest.approx(weight, rel=1e-4))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_in_one_operation_steps_as_that_of_keras(small, decay):
    import keras

    values = {"train.optimizer": "adamw", "train.momentum": 0.7, "train.beta_2": 0.9, "train.weight_decay": decay}
    train = changed(small, values).train
    random = np.random.default_rng(1)
    starts = [random.normal(size=shape).astype(np.float32) for shape in ((3, 3, 1, 4), (4,))]
    gradients = [[random.normal(size=start.shape).astype(np.float32) for start in starts] for _ in range(20)]
    theirs = keras.optimizers.Adam(
        schedule(train, 20), weight_decay=decay or None, beta_1=train.momentum, beta_2=train.beta_2
    )
    ends = []
    for make in (lambda variables: objective.optimizer(train, 20, variables, scales_loss=False), None):
        variables = [keras.Variable(start, name=name) for start, name in zip(starts, ("kernel", "bias"), strict=True)]
        if make is None:
            theirs.exclude_from_weight_decay(var_names=objective.NOT_DECAYED)
            theirs.build(variables)
        made = make(variables) if make else theirs
        for step in gradients:
            made.apply([keras.ops.convert_to_tensor(gradient) for gradient in step], variables)
        ends.append([keras.ops.convert_to_numpy(variable) for variable in (*variables, *made.variables[2:])])
    assert type(made) is not type(objective.optimizer(train, 20, variables, scales_loss=False))
    for ours, keras_own in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-5, atol=1e-6)


def test_a_fit_with_sgd_learns_and_its_seed_counts(small, context):
    params = changed(small, {**SGD, "train.epochs": 12, "train.patience": 12, "train.momentum": 0.9})
    fitted = training.fit(params, context, seed=0)
    assert fitted.best_metrics["val_accuracy"] > 0.9
    assert fitted.weights_digest() == training.fit(params, context, seed=0).weights_digest()
