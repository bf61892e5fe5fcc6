"""Device, precision and compilation: decided from facts about a machine that need not be this one."""

import logging
from types import SimpleNamespace

import pytest

from glyphline.errors import TrainingError
from glyphline.training import hardware, jax_backend
from glyphline.training.device import choose, warn_of_idle_gpus
from glyphline.training.hardware import Gpu, Hardware
from tests.conftest import changed

PLAIN = Hardware("tensorflow", (), None)
WITH_AMX = Hardware("tensorflow", (), "amx_bf16")
AMPERE = Hardware("tensorflow", (Gpu("A100", (8, 0)),), "amx_bf16")
TURING = Hardware("tensorflow", (Gpu("T4", (7, 5)),), None)
PASCAL = Hardware("tensorflow", (Gpu("P100", (6, 0)),), None)
MIXED = Hardware("tensorflow", (Gpu("A100", (8, 0)), Gpu("T4", (7, 5))), None)
JAX = Hardware("jax", (), None)
JAX_HOPPER = Hardware("jax", (Gpu("H100", (9, 0)),), None)
JAX_ROCM = Hardware("jax", (Gpu("MI300", None),), None)


@pytest.fixture
def train(default_params):
    def with_values(**values):
        return changed(default_params, {f"train.{name}": value for name, value in values.items()}).train

    return with_values


@pytest.mark.parametrize(
    ("machine", "precision", "reason"),
    [
        (PLAIN, "float32", "the processor has no instructions for bfloat16"),
        (WITH_AMX, "bfloat16", "the processor has amx_bf16"),
        (AMPERE, "bfloat16", "the GPU has compute capability 8.0 or more"),
        (TURING, "float32", "a GPU has compute capability below 8.0"),
        (MIXED, "float32", "a GPU has compute capability below 8.0"),
        (JAX, "float32", "bfloat16 is not tested on jax without a GPU"),
        (JAX_HOPPER, "bfloat16", "the GPU has compute capability 8.0 or more"),
        (JAX_ROCM, "float32", "a GPU has compute capability below 8.0"),
    ],
)
def test_auto_takes_bfloat16_only_where_the_hardware_has_it_and_says_why(train, machine, precision, reason):
    device = choose(train(precision="auto"), machine)
    assert device.precision == precision
    assert f"{precision}: {reason}" in device.why
    assert device.why in str(device)


def test_depthwise_convolutions_are_not_computed_in_bfloat16_on_a_processor(train):
    device = choose(train(precision="auto"), WITH_AMX, depthwise=True)
    assert device.precision == "float32"
    assert "float32: depthwise convolutions are slower in bfloat16 on a processor" in device.why
    assert choose(train(precision="bfloat16"), WITH_AMX, depthwise=True).precision == "bfloat16"
    assert choose(train(precision="auto"), AMPERE, depthwise=True).precision == "bfloat16"


@pytest.mark.parametrize(
    ("machine", "values", "xla", "reason"),
    [
        (PLAIN, {"deterministic": False}, False, "XLA off: slower on a processor"),
        (AMPERE, {"deterministic": False}, True, "XLA on: there is a GPU"),
        (AMPERE, {"deterministic": True}, False, "XLA off: train.deterministic excludes it"),
        (AMPERE, {"deterministic": False, "xla": "off"}, False, "XLA off: train.xla says so"),
        (PLAIN, {"deterministic": False, "xla": "on"}, True, "XLA on: train.xla says so"),
        (JAX, {"deterministic": True}, True, "XLA on: JAX always compiles"),
    ],
)
def test_auto_takes_xla_on_a_gpu_whose_fit_need_not_be_deterministic(train, machine, values, xla, reason):
    device = choose(train(**values), machine)
    assert device.xla is xla
    assert reason in device.why


@pytest.mark.parametrize(
    ("machine", "precision"), [(PLAIN, "bfloat16"), (TURING, "bfloat16"), (PLAIN, "float16"), (PASCAL, "float16")]
)
def test_a_precision_that_the_machine_does_not_have_is_refused_with_what_to_set(train, machine, precision):
    with pytest.raises(TrainingError, match=f"train.precision={precision}") as caught:
        choose(train(precision=precision), machine)
    assert "auto" in caught.value.fix
    assert caught.value.exit_code == 8


@pytest.mark.parametrize(("machine", "precision"), [(WITH_AMX, "bfloat16"), (TURING, "float16"), (AMPERE, "float32")])
def test_a_precision_that_the_machine_has_is_taken(train, machine, precision):
    device = choose(train(precision=precision), machine)
    assert (device.precision, device.policy) == (
        precision,
        "float32" if precision == "float32" else f"mixed_{precision}",
    )


def test_all_gpus_are_taken_and_named(train):
    device = choose(train(), MIXED)
    assert device.device_ids == ("GPU:0", "GPU:1")
    assert device.name == "2 x GPU A100"
    assert choose(train(), AMPERE).name == "GPU A100"
    assert choose(train(), PLAIN).device_ids == ()


def test_a_batch_that_does_not_go_round_the_devices_is_refused(train):
    with pytest.raises(TrainingError, match="batch_size=1 cannot be divided among 2 devices"):
        choose(train(batch_size=1), MIXED)


@pytest.mark.parametrize(
    ("flags", "instructions"),
    [
        ("fpu avx512f avx512_bf16 amx_bf16", "amx_bf16"),
        ("fpu avx512f avx512_bf16", "avx512_bf16"),
        ("fpu avx512f", None),
        ("fpu amx_bf16x", None),
    ],
)
def test_the_processors_flags_say_whether_it_has_bfloat16(tmp_path, flags, instructions):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: Some (R) processor\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert hardware.processor_bfloat16(cpuinfo) == instructions


def test_a_system_that_does_not_tell_has_no_bfloat16(tmp_path):
    assert hardware.processor_bfloat16(tmp_path / "absent") is None


@pytest.fixture
def driver(tmp_path):
    """A driver that shows one GPU under /proc."""
    card = tmp_path / "0000:01:00.0"
    card.mkdir()
    (card / "information").write_text("Model: \t\t NVIDIA A100\nIRQ:   \t\t 33\n")
    return tmp_path


def test_the_drivers_gpus_are_found_under_proc_or_by_nvidia_smi(driver, tmp_path):
    assert hardware.driver_gpus(driver, "no-such-program", {}) == ["NVIDIA A100"]
    smi = tmp_path / "smi"
    smi.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA T4 (UUID: GPU-2)'\n")
    smi.chmod(0o755)
    assert hardware.driver_gpus(tmp_path / "absent", str(smi), {}) == ["NVIDIA H100", "NVIDIA T4"]
    assert hardware.driver_gpus(tmp_path / "absent", "no-such-program", {}) == []


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_gpus_that_a_person_has_hidden_are_not_missed(driver, hidden):
    assert hardware.driver_gpus(driver, "no-such-program", {"CUDA_VISIBLE_DEVICES": hidden}) == []


def test_an_idle_gpu_is_reported_with_the_command_that_repairs_it(caplog):
    warn_of_idle_gpus((), lambda: ["NVIDIA A100"])
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "NVIDIA A100" in record.message
    assert "make setup GPU=1" in record.message


def test_a_gpu_in_use_and_a_machine_without_one_cause_no_warning(caplog):
    warn_of_idle_gpus((Gpu("A100", (8, 0)),), lambda: ["NVIDIA A100"])
    warn_of_idle_gpus((), list)
    assert not caplog.records


def test_jax_is_set_to_take_memory_as_needed_and_to_be_deterministic():
    environ = {}
    jax_backend.set_up(deterministic=True, gpu_memory_mb=None, environ=environ)
    assert environ == {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_FLAGS": jax_backend.DETERMINISTIC}
    jax_backend.set_up(deterministic=True, gpu_memory_mb=None, environ=environ)
    assert environ["XLA_FLAGS"] == jax_backend.DETERMINISTIC


def test_what_a_person_has_set_for_jax_stays():
    environ = {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_FLAGS": "--xla_dump_to=here"}
    jax_backend.set_up(deterministic=False, gpu_memory_mb=None, environ=environ)
    assert environ == {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_FLAGS": "--xla_dump_to=here"}
    jax_backend.set_up(deterministic=True, gpu_memory_mb=None, environ=environ)
    assert environ["XLA_FLAGS"] == f"--xla_dump_to=here {jax_backend.DETERMINISTIC}"


def test_a_limit_in_megabytes_which_jax_does_not_have_is_refused_with_what_it_has():
    with pytest.raises(TrainingError, match="gpu_memory_mb=512") as caught:
        jax_backend.set_up(deterministic=True, gpu_memory_mb=512, environ={})
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" in caught.value.fix


@pytest.mark.parametrize(("capability", "known"), [("9.0", (9, 0)), ("12.1", (12, 1)), ("gfx942", None), (None, None)])
def test_the_compute_capability_of_a_device_of_jax_is_read_where_it_is_one(capability, known):
    shown = SimpleNamespace(device_kind="NVIDIA H100 80GB HBM3", compute_capability=capability)
    assert jax_backend.as_gpu(shown) == Gpu("NVIDIA H100 80GB HBM3", known)


def test_a_device_of_jax_that_tells_no_capability_has_a_name():
    assert jax_backend.as_gpu(SimpleNamespace(device_kind="TPU v4")) == Gpu("TPU v4", None)
