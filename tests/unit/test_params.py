"""params.yaml: what is refused, and in which words."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from glyphline import params as parameters
from glyphline.errors import ParamsError
from glyphline.params.error_messages import _entry_mistakes
from glyphline.params.schema import Params
from glyphline.params.tune import SpaceEntry
from glyphline.params.yaml_reader import MAX_BYTES

# Not the project's own file, whose values anybody may change.
TEXT = """\
seed: 7

data:
  dataset: digits
  path: null
  copy: true
  columns: {image: null, label: null, split: null, group: null}
  normalise_labels: false
  bad_files: stop
  max_bad_share: 0.05
  mirror: null
  timeout_s: 30.0

preprocess:
  val_fraction: 0.15
  test_fraction: 0.2
  image_size: null
  fit: stretch
  near_duplicates: report
  group: null

model:
  kind: cnn
  backbone: efficientnet_lite0
  filters: [16, 32]
  depth: 1
  first_kernel_size: 3
  first_stride: 1
  kernel_size: 3
  batch_norm: true
  dense_units: 128
  dropout: 0.3
  members: 1

train:
  epochs: 12
  batch_size: 64
  optimizer: adamw
  learning_rate: 0.004
  momentum: 0.9
  beta_2: 0.999
  weight_decay: 0.0
  schedule: cosine
  warmup: 0.25
  label_smoothing: 0.0
  class_weight: none
  patience: 8
  tune_backbone: none
  backbone_rate: 0.1
  augment:
    shift: 0.0
    rotation_deg: 0.0
    zoom: 0.0
    elastic: 0.0
    cutout: 0.0
    flip: none
    crop: 0.0
    brightness: 0.0
    contrast: 0.0
    saturation: 0.0
    hue: 0.0
    mix: none
    mix_alpha: 1.0
  precision: auto
  xla: auto
  deterministic: true
  memory_mb: 2048
  gpu_memory_mb: null

tune:
  trials: 6
  epochs: 3
  timeout_s: null
  sampler: tpe           # tpe, random
  startup_trials: 3
  pruner: median         # median, hyperband, none
  objectives: [val_loss] # and model_size or latency_ms, for a Pareto front
  max_parameters: null
  finalists: 0
  seeds: 3
  study: null
  warm_start: null
  storage: null          # null: mlruns/optuna.db
  workers: 1
  launcher: auto         # auto, inline, processes, ray
  gpus_per_trial: 0.0
  space:
    train.learning_rate: {low: 0.001, high: 0.01, log: true}
    train.batch_size: {choices: [32, 64]}
    model.dense_units: {choices: [64, 128, 256]}
    model.dropout: {low: 0.0, high: 0.5}

evaluate:
  batch_size: 512
  calibration_bins: 15
  mistakes: 25
  explanation_steps: 32
  corruption_images: 1000
  slices: [intensity]

registry:
  name: glyphline
  min_accuracy: 0.95
  gate:
    min_balanced_accuracy: null
    min_class_recall: null
    max_calibration_error: null
    max_robustness_loss: null
    max_latency_ms: null
    max_model_bytes: null
    against_champion: better
    alpha: 0.05
    margin: 0.005
  require_signature: false
  signing_key: null
  verification_key: null

tracking:
  uri: null
  timeout_s: 10.0
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Params:
    path = tmp_path_factory.mktemp("base") / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return parameters.read(path)


@pytest.fixture
def refused(tmp_path):
    """The lines about params.yaml with one text put in the place of another: `refused("seed: 7", "seed: x")`."""

    def read(*swaps: tuple[str, str]) -> list[str]:
        content = TEXT
        for old, new in swaps:
            assert old in content
            content = content.replace(old, new)
        path = tmp_path / "params.yaml"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ParamsError) as caught:
            parameters.read(path)
        assert "params.yaml" in caught.value.fix or "value out" in caught.value.fix
        return caught.value.problem.splitlines()

    return read


LAUNCHER = "launcher: auto         # auto, inline, processes, ray\n  gpus_per_trial: 0.0"
LEARNING_RATE = "learning_rate: 0.004"
EPOCHS = "epochs: 12"
SIZE = "image_size: null"
FILTERS = "filters: [16, 32]"
RATES = "{low: 0.001, high: 0.01, log: true}"
BATCHES = "{choices: [32, 64]}"
DROPOUTS = "{low: 0.0, high: 0.5}"
TRACKING = "tracking:\n  uri: null\n  timeout_s: 10.0"
BATCH_ENTRY = "    train.batch_size: {choices: [32, 64]}\n"


def test_the_file_of_the_project_is_valid_and_frozen(root):
    params = parameters.read(root / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            LEARNING_RATE,
            "learning_rte: 0.004",
            "train.learning_rte: unknown key, did you mean learning_rate? (got 0.004)",
        ),
        (LEARNING_RATE, f"{LEARNING_RATE}\n  zzzqq: 1", "train.zzzqq: unknown key (got 1)"),
        ("seed: 7", "seed: 7\ntrian: {}", "trian: unknown key, did you mean train? (got {})"),
        ("seed: 7", "seed: 7\n7: 1", "7: unknown key (got 1)"),
        (EPOCHS, "epochs: twelve", 'train.epochs: must be a whole number (got "twelve")'),
        (EPOCHS, "epochs: 12.5", "train.epochs: must be a whole number (got 12.5)"),
        (EPOCHS, "epochs: 12.0", "train.epochs: must be a whole number (got 12.0)"),
        (EPOCHS, "epochs: true", "train.epochs: must be a whole number (got true)"),
        (EPOCHS, "epochs: 0", "train.epochs: must be at least 1 (got 0)"),
        (EPOCHS, "epochs:", "train.epochs: must be a whole number (got null)"),
        (LEARNING_RATE, "learning_rate: true", "train.learning_rate: must be a number (got true)"),
        (LEARNING_RATE, 'learning_rate: "0.004"', 'train.learning_rate: must be a number (got "0.004")'),
        (LEARNING_RATE, "learning_rate: .nan", "train.learning_rate: must be a finite number (got .nan)"),
        (LEARNING_RATE, "learning_rate: .inf", "train.learning_rate: must be a finite number (got .inf)"),
        (LEARNING_RATE, "learning_rate: -.inf", "train.learning_rate: must be a finite number (got -.inf)"),
        (LEARNING_RATE, "learning_rate: 0", "train.learning_rate: must be above 0 (got 0)"),
        (LEARNING_RATE, "learning_rate: 7", "train.learning_rate: must be at most 1 (got 7)"),
        ("dropout: 0.3", "dropout: 1", "model.dropout: must be below 1 (got 1)"),
        ("    shift: 0.0", "    shift: 0.6", "train.augment.shift: must be at most 0.5 (got 0.6)"),
        ("    shift: 0.0", "    shfit: 0.0", "train.augment.shfit: unknown key, did you mean shift? (got 0.0)"),
        ("    hue: 0.0", "    hue: 0.6", "train.augment.hue: must be at most 0.5 (got 0.6)"),
        ("    mix: none", "    mix: both", "train.augment.mix: must be 'none', 'mixup' or 'cutmix'"),
        ("    mix_alpha: 1.0", "    mix_alpha: 0.0", "train.augment.mix_alpha: must be above 0 (got 0.0)"),
        ("    flip: none", "    flip: maybe", "train.augment.flip: must be 'none', 'horizontal', 'vertical' or 'both'"),
        ("backbone: none", "backbone: some", "train.tune_backbone: must be 'none' or 'all', or a whole number above 0"),
        ("backbone: none", "backbone: 0", "whole number above 0 (got 0)"),
        ("backbone: none", "backbone: 2.5", "whole number above 0 (got 2.5)"),
        ("backbone: none", "backbone: true", "whole number above 0 (got true)"),
        ("backbone_rate: 0.1", "backbone_rate: 0", "train.backbone_rate: must be above 0 (got 0)"),
        ("xla: auto", "xla: true", "train.xla: must be 'auto', 'on' or 'off' (got true)"),
        ("xla: auto", "xla: on", "train: xla=on needs deterministic=false"),
        ("kind: cnn", "kind: lenet", "model.kind: must match"),
        ("deterministic: true", "deterministic: 1", "train.deterministic: must be true or false (got 1)"),
        ("deterministic: true", "deterministic: on", 'train.deterministic: must be true or false (got "on")'),
        ("seed: 7", "seed: -1", "seed: must be at least 0 (got -1)"),
        ("seed: 7", "seed: 4294967296", "seed: must be below 4294967296 (got 4294967296)"),
        ("seed: 7", "seed: 2020-01-01", 'seed: must be a whole number (got "2020-01-01")'),
        ("seed: 7\n", "", "seed: this key is missing"),
        ("  patience: 8\n", "", "train.patience: this key is missing"),
        (TRACKING, "", "tracking: this section is missing"),
        (TRACKING, "tracking:", "tracking: must hold keys (got null)"),
        (TRACKING, "tracking: [a]", 'tracking: must hold keys (got ["a"])'),
        (LAUNCHER, "launcher: inline\n  gpus_per_trial: 4.0", "tune: launcher=inline gives a trial no GPUs of its own"),
        (FILTERS, "filters: 16", "model.filters: must be a list (got 16)"),
        (FILTERS, "filters: []", "model.filters: must hold 1 or more values (got [])"),
        (FILTERS, "filters: [16, true]", "model.filters.1: must be a whole number (got true)"),
        (SIZE, "image_size: 28", "preprocess.image_size: must be a list (got 28)"),
        (SIZE, "image_size: [28]", "preprocess.image_size.1: this value is missing"),
        (SIZE, "image_size: [28, 28, 1]", "preprocess.image_size: must hold no more than 2 values (got [28, 28, 1])"),
        (SIZE, "image_size: [2, 28]", "preprocess.image_size.0: must be at least 8 (got 2)"),
        (SIZE, "image_size: [28, 1025]", "preprocess.image_size.1: must be at most 1024 (got 1025)"),
        ("fit: stretch", "fit: squash", "preprocess.fit: must be"),
        ("dataset: digits", "dataset: ../x", "data.dataset: must match"),
        ("dataset: digits", 'dataset: ""', "data.dataset: must have at least 1 characters"),
        ("name: glyphline", "name: a/b", "registry.name: must match"),
        (RATES, "{low: 0.1, high: 0.01}", "tune.space.train.learning_rate: low=0.1 is above high=0.01"),
        (RATES, "{low: 0, high: 0.01, log: true}", "tune.space.train.learning_rate: log: true needs low above 0"),
        (RATES, "{low: 0, high: 0.01}", "tune.space.train.learning_rate: must be above 0 (got 0)"),
        (RATES, "{low: 0.1, high: 0.5, log: true, step: 0.1}", "step cannot be combined with log: true"),
        (DROPOUTS, "{low: 0.0}", "tune.space.model.dropout: either low and high, or choices, must be given"),
        (DROPOUTS, "{low: true, high: 0.5}", "tune.space.model.dropout.low: must be a number (got true)"),
        (DROPOUTS, "{low: a, high: 0.5}", 'tune.space.model.dropout.low: must be a number (got "a")'),
        (DROPOUTS, "{low: .nan, high: 0.5}", "tune.space.model.dropout.low: must be a finite number (got .nan)"),
        (DROPOUTS, "{low: 0.1, high: 0.5, step: -1}", "step=-1 must be above 0"),
        (DROPOUTS, "{low: 0.1, high: 0.5, step: 1}", "step=1 is wider than the range from 0.1 to 0.5"),
        (DROPOUTS, "{choices: [0.1, .nan]}", "tune.space.model.dropout.choices.1: must be a finite number (got .nan)"),
        (DROPOUTS, "{choices: [[0.1]]}", "choices.0: must be a number, text, true or false (got [0.1])"),
        (BATCHES, "{choices: [32, 64], low: 2}", "choices cannot be combined with low, high, step or log"),
        (BATCHES, "{choices: []}", "tune.space.train.batch_size: choices is empty"),
        (BATCHES, "{choices: 32}", "tune.space.train.batch_size.choices: must be a list (got 32)"),
        (BATCHES, "{choices: [32, many]}", 'tune.space.train.batch_size: must be a whole number (got "many")'),
        (BATCHES, "{choices: [32, true]}", "tune.space.train.batch_size: must be a whole number (got true)"),
        (BATCHES, "{choices: [0, 64]}", "tune.space.train.batch_size: must be at least 1 (got 0)"),
        (BATCHES, "{low: 16.5, high: 64}", "tune.space.train.batch_size: must be a whole number (got 16.5)"),
        (BATCHES, "{low: 16, high: 64, step: 0.5}", "tune.space.train.batch_size: must be a whole number (got 16.5)"),
        (
            BATCHES,
            "{choice: [32]}",
            "tune.space.train.batch_size.choice: unknown key, did you mean choices? (got [32])",
        ),
        (BATCHES, "32", "tune.space.train.batch_size: must hold keys (got 32)"),
        (
            BATCH_ENTRY,
            "    train.epochs: {low: 4, high: 20}\n",
            "tune.space.train.epochs: cannot be searched, because a trial has tune.epochs epochs",
        ),
        (
            BATCH_ENTRY,
            "    train.patience: {choices: [2, 4]}\n",
            "tune.space.train.patience: cannot be searched, because a trial",
        ),
        (
            BATCHES,
            "{low: 24, high: 120, step: 24}",
            "tune.space.train.batch_size: step=24 from low=24 never reaches the value in params.yaml (got 64)",
        ),
        (
            DROPOUTS,
            "{low: 0.05, high: 0.45, step: 0.1}",
            "tune.space.model.dropout: step=0.1 from low=0.05 never reaches the value in params.yaml (got 0.3)",
        ),
        (
            BATCH_ENTRY,
            "    train.augment.shift: {low: 0.1, high: 0.7}\n",
            "tune.space.train.augment.shift: must be at most 0.5 (got 0.7)",
        ),
        (
            BATCH_ENTRY,
            "    train.tune_backbone: {choices: [none, 4, some]}\n",
            "train.tune_backbone: must be 'none' or 'all', or a whole number above 0 (got \"some\")",
        ),
        (
            BATCH_ENTRY,
            "    train.tune_backbone: {low: 1, high: 4}\n",
            'train.tune_backbone: a range does not hold the value in params.yaml, give choices (got "none")',
        ),
        (
            BATCH_ENTRY,
            "    train.augment: {choices: [1]}\n",
            "tune.space.train.augment: no parameter of model or train",
        ),
        (
            BATCH_ENTRY,
            "    train.precision: {choices: [float32, bfloat16]}\n",
            "tune.space.train.precision: cannot be searched, because all trials share it",
        ),
        (
            BATCH_ENTRY,
            "    train.class_weight: {choices: [none, balanced]}\n",
            "tune.space.train.class_weight: cannot be searched, because val_loss counts every image the same",
        ),
        (
            BATCH_ENTRY,
            "    train.batchsize: {choices: [32]}\n",
            "tune.space.train.batchsize: no parameter of model or train, did you mean train.batch_size?",
        ),
        (BATCH_ENTRY, "    seed: {choices: [1, 2]}\n", "tune.space.seed: no parameter of model or train"),
        (
            BATCH_ENTRY,
            "    train:\n      batch_size: {choices: [32]}\n",
            "tune.space.train: write the key in one piece, as `train.batch_size: ...`",
        ),
    ],
)
def test_a_mistake_is_named_with_its_dotted_key_and_the_value_received(refused, old, new, line):
    messages = refused((old, new))
    assert any(line in message for message in messages), messages


@pytest.mark.parametrize(
    "entry",
    ["{low: 0.1, high: 0.5, step: 0.1}", "{low: 0.3, high: 0.5, step: 0.05}", "{low: 0.4, high: 0.6, step: 0.1}"],
)
def test_a_step_that_reaches_the_hand_set_value_is_taken(refused, entry):
    assert refused((DROPOUTS, entry), ("seed: 7", "seed: x")) == ['seed: must be a whole number (got "x")']


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LEARNING_RATE, "learning_rte: 0.004"),
        ("\ntrain:", "\ntrian:"),
        (DROPOUTS, "{low: true, high: 0.5}"),
        (DROPOUTS, "{choices: [0.1, .nan]}"),
        ("slices: [intensity]", "slices: [intensity, intensity]"),
        ("slices: [intensity]", "slices: [colour]"),
        ("corruption_images: 1000", "corruption_images: -1"),
    ],
)
def test_one_mistake_is_reported_once(refused, old, new):
    assert len(refused((old, new))) == 1


def test_every_mistake_is_reported_at_once(refused):
    messages = refused(
        ("seed: 7", "seed: x"),
        (EPOCHS, "epochs: true"),
        ("dropout: 0.3", "dropuot: 0.3"),
        (DROPOUTS, "{low: 9.0, high: 0.5}"),
        ("train.batch_size:", "train.batchsize:"),
        (RATES, "{choices: [5.0]}"),
        ("uri: null", "url: null"),
    )
    keys = [line.split(": ")[0] for line in messages]
    assert sorted(keys) == [
        "model.dropuot",
        "seed",
        "tracking.url",
        "train.epochs",
        "tune.space.model.dropout",
        "tune.space.train.batchsize",
        "tune.space.train.learning_rate",
    ]


def test_a_password_in_a_misplaced_uri_is_not_repeated(refused):
    (line,) = refused(("uri: null", "ury: http://ann:swordfish@host"))
    assert "swordfish" not in line
    assert "did you mean uri?" in line


def test_a_long_value_is_cut(refused):
    (line,) = refused(("uri: null", f"uri: [{', '.join(['abc'] * 100)}]"))
    assert len(line) < 140


@pytest.mark.parametrize(
    ("value", "shown"), [("{[1, 2]: 3}", "{(1, 2): 3}"), ("[{2024-01-01: 3}]", "[{datetime.date(2024, 1, 1): 3}]")]
)
def test_a_value_that_json_cannot_hold_is_shown_nevertheless(refused, value, shown):
    assert refused(("seed: 7", f"seed: {value}")) == [f"seed: must be a whole number (got {shown})"]


def test_a_key_that_is_there_twice_is_named_with_its_line(refused):
    where = TEXT.splitlines().index("  epochs: 12") + 2
    assert refused((EPOCHS, "epochs: 12\n  epochs: 13")) == [f"params.yaml: epochs is there twice (line {where})"]
    (line,) = refused((DROPOUTS, DROPOUTS + "\n    model.dropout: {low: 0.1, high: 0.2}"))
    assert "model.dropout is there twice" in line


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "must hold sections, and it holds nothing"),
        (b"# nothing\n", "must hold sections, and it holds nothing"),
        (b"- 1\n", r"must hold sections, and it holds \[1\]"),
        (b"hello", "must hold sections, and it holds 'hello'"),
        (b"a: [1,\n", "is not YAML: .*line 2"),
        (b"a:\n\tb: 1\n", "is not YAML"),
        (b"a: 1\n---\nb: 1\n", "is not YAML: expected a single document"),
        (b"a: \x00", "is not YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "is not YAML: could not determine a constructor"),
        (b"a: 1\nseed: 2024-13-45", r'is not YAML: "2024-13-45" cannot be read as timestamp in params.yaml, line 2'),
        (b"a: 1\nb: [!!int abc]", r'is not YAML: "abc" cannot be read as int in params.yaml, line 2'),
        (b"seed: !!bool abc", '"abc" cannot be read as bool'),
        (b"seed: !!int ''", '"" cannot be read as int'),
        (b"seed: !!int http://ann:pw@host", r'"http://\*\*\*@host" cannot be read as int'),
        (b"seed: " + b"1" * 5000, '"1{80}…" cannot be read as int'),
        (b"seed: 0x" + b"f" * 5000, "cannot be read as int"),
        (b'seed: "\\U00110000"', "is not YAML: .*0x110000"),
        (b"? [1, {a: 2}]\n: 2", "a map cannot be read"),
        (b"\xff\xfea", "is not UTF-8 text"),
        ("seed: é".encode("latin-1"), "is not UTF-8 text"),
        (b"seed: 7\n" * 10_000, "has more than the 65,536 bytes allowed"),
        (b"a: &x [1]\nb: *x\n", r"holds a YAML alias, \*x \(line 2\)"),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n", r"holds a YAML alias, \*x \(line 3\)"),
        (b"a: [&x 1,\n  *x ]\n", "holds a YAML alias"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "is nested deeper than 16 levels"),
    ],
)
def test_a_file_that_is_no_params_file_is_refused(tmp_path, content, problem):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError, match=problem) as caught:
        parameters.read(path)
    assert caught.value.exit_code == 2
    assert caught.value.fix


def test_a_missing_file_says_how_to_get_it_back(tmp_path):
    with pytest.raises(ParamsError, match="does not exist") as caught:
        parameters.read(tmp_path / "params.yaml")
    assert "git checkout params.yaml" in caught.value.fix


def test_a_folder_in_its_place_is_a_params_error(tmp_path):
    with pytest.raises(ParamsError, match="cannot be read"):
        parameters.read(tmp_path)


def test_a_bomb_is_refused_at_its_first_alias_before_it_unfolds(tmp_path):
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    path = tmp_path / "params.yaml"
    path.write_text(bomb, encoding="utf-8")
    with pytest.raises(ParamsError, match=r"alias, \*a0 \(line 2\)"):
        parameters.read(path)


# A watchdog, should the cost grow with the square of the mistakes.
@pytest.mark.timeout(120)
def test_a_file_of_the_largest_size_is_refused_with_each_of_its_mistakes_reported_once(tmp_path):
    path = tmp_path / "params.yaml"
    keys = [f"k{n}" for n in range(3400)]
    path.write_text("".join(f"{key}: {{a: [1, 2]}}\n" for key in keys).ljust(MAX_BYTES), encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        parameters.read(path)
    lines = [line for line in caught.value.problem.splitlines() if "unknown key" in line]
    assert [line.partition(":")[0] for line in lines] == keys


def test_an_asterisk_in_a_text_is_no_alias(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("mirror: null", 'mirror: "a: *b"'), encoding="utf-8")
    assert parameters.read(path).data.mirror == "a: *b"


def test_numbers_are_read_as_dvc_reads_them(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("\ufeff" + TEXT.replace(LEARNING_RATE, "learning_rate: 1e-3"), encoding="utf-8")
    assert parameters.read(path).train.learning_rate == 0.001


def test_overlay_replaces_and_leaves_the_rest(base):
    changed = parameters.overlay(base, {"train.learning_rate": 0.003, "model.filters": [8], "seed": 1})
    assert (changed.train.learning_rate, changed.model.filters, changed.seed) == (0.003, (8,), 1)
    assert changed.tune == base.tune
    assert base.train.learning_rate == 0.004


def test_overlay_reaches_into_sections_within_sections(base):
    changed = parameters.overlay(base, {"train.augment.shift": 0.1})
    assert changed.train.augment.shift == 0.1
    assert base.train.augment.shift == 0.0
    assert changed.flat()["train.augment.shift"] == 0.1


def test_overlay_names_every_unknown_key_with_the_nearest(base):
    with pytest.raises(ParamsError) as caught:
        parameters.overlay(base, {"train.learning_rte": 1, "sead": 1, "data.x.y": 1})
    assert caught.value.problem.splitlines() == [
        "train.learning_rte: no such parameter, did you mean train.learning_rate?",
        "sead: no such parameter, did you mean seed?",
        "data.x.y: no such parameter, did you mean data.copy?",
    ]
    assert "glyphline params" in caught.value.fix


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"train.epochs": 0}, "train.epochs: must be at least 1 (got 0)"),
        ({"train.epochs": True}, "train.epochs: must be a whole number (got true)"),
        ({"train.learning_rate": math.nan}, "train.learning_rate: must be a finite number (got .nan)"),
        ({"train.xla": "on"}, "train: xla=on needs deterministic=false"),
    ],
)
def test_overlay_refuses_what_the_file_may_not_hold(base, values, line):
    with pytest.raises(ParamsError) as caught:
        parameters.overlay(base, values)
    assert caught.value.problem.startswith(line)


def test_rules_across_fields_see_all_overlaid_values_together(base):
    changed = parameters.overlay(base, {"train.xla": "on", "train.deterministic": False})
    assert (changed.train.xla, changed.train.deterministic) == ("on", False)


def test_flat_has_the_keys_of_the_file_and_the_space_as_one_text(base):
    flat = base.flat()
    assert flat["train.learning_rate"] == 0.004
    assert isinstance(flat["tune.space"], str)
    assert not [key for key in flat if key.startswith("tune.space.")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(
        [
            "seed",
            "train",
            "tune",
            "model.filters",
            "tune.space",
            "tune.space.train.batch_size",
            "preprocess.image_size",
            "tracking.uri",
            "train.epochs",
        ]
    ),
)
def test_any_text_is_read_or_refused_in_words(tmp_path_factory, value, where):
    yaml = YAML(typ="safe", pure=True)
    tree = yaml.load(TEXT)
    branch, _, leaf = where.rpartition(".")
    if where.startswith("tune.space."):
        branch, leaf = "tune.space", where.removeprefix("tune.space.")
    place = tree
    for part in filter(None, branch.split(".")):
        place = place[part]
    place[leaf] = value
    path = tmp_path_factory.mktemp("drawn") / "params.yaml"
    yaml.dump(tree, path)
    with contextlib.suppress(ParamsError):
        assert isinstance(parameters.read(path), Params)


@given(st.floats(0.0001, 0.5), st.floats(0.0001, 0.5))
def test_a_range_has_its_ends_in_order(one, other):
    low, high = sorted((one, other))
    assert SpaceEntry(low=low, high=high).extremes == (low, high)
    if low < high:
        with pytest.raises(ValueError, match="is above"):
            SpaceEntry(low=high, high=low)


@pytest.mark.parametrize("entry", ["{low: 16, high: 64, step: 24}", "{low: 24, high: 64, step: 40}"])
def test_a_step_need_not_divide_the_low_end(refused, entry):
    assert refused((BATCHES, entry), ("seed: 7", "seed: x")) == ['seed: must be a whole number (got "x")']


def test_the_values_that_are_tried_of_a_range_are_its_ends_and_its_first_step():
    assert SpaceEntry(low=16, high=64, step=24).extremes == (16, 40, 64)
    assert SpaceEntry(choices=(1, 5, 3)).extremes == (1, 5, 3)


@pytest.mark.parametrize(
    ("wanted", "reached"), [(16, True), (40, True), (64, True), (88, True), (-8, True), (24, False), (48, False)]
)
def test_a_value_is_reached_in_whole_steps_from_the_low_end(wanted, reached):
    assert SpaceEntry(low=16, high=64, step=24).reaches(wanted) == reached


def test_an_end_of_a_range_that_breaks_a_rule_between_two_keys_is_a_mistake_of_the_range():
    tree = YAML(typ="safe", pure=True).load(TEXT)
    (line,) = _entry_mistakes(tree, "train.xla", {"choices": ["off", "on"]})
    assert line.startswith("tune.space.train.xla: xla=on needs deterministic=false")
    assert list(_entry_mistakes(tree, "train.xla", {"choices": ["off", "auto"]})) == []
    # Where the hand-set values break the rule already, it is not the range that is wrong.
    tree["train"]["xla"] = "on"
    assert list(_entry_mistakes(tree, "train.deterministic", {"choices": [True]})) == []


@pytest.mark.parametrize(
    "changes",
    [
        # Fewer epochs than the patience of the file: the fit never stops early, as it would not anyway.
        [("  epochs: 12\n", "  epochs: 5\n")],
        [("patience: 8", "patience: 80")],
        # A range of one value fixes the parameter.
        [(BATCHES, "{low: 64, high: 64, step: 32}")],
        # Without a search the space counts for nothing, and neither does what it cannot reach.
        [("  trials: 6\n", "  trials: 0\n"), (BATCHES, "{low: 24, high: 120, step: 24}")],
    ],
)
def test_what_does_no_harm_together_is_no_mistake(refused, changes):
    assert refused(*changes, ("seed: 7", "seed: x")) == ['seed: must be a whole number (got "x")']


def test_the_splits_have_a_seed_of_their_own_and_an_older_file_without_it_has_seed(base):
    assert "split_seed" not in TEXT
    assert (base.preprocess.split_seed, base.split_seed) == (None, 7)
    other = parameters.overlay(base, {"preprocess.split_seed": 3, "seed": 9})
    assert (other.seed, other.split_seed) == (9, 3)


@pytest.mark.parametrize(
    "entry",
    [
        "crop: {low: 0.0, high: 0.8}",
        "brightness: {low: 0.0, high: 0.4}",
        "contrast: {low: 0.0, high: 0.4}",
        "saturation: {choices: [0.0, 0.5]}",
        "hue: {low: 0.0, high: 0.1}",
        "mix: {choices: [none, mixup, cutmix]}",
        "mix_alpha: {low: 0.1, high: 2.0, log: true}",
    ],
)
def test_every_variation_of_photographs_can_be_searched(entry, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(BATCH_ENTRY, f"    train.augment.{entry}\n"))
    assert f"train.augment.{entry.partition(':')[0]}" in parameters.read(path).tune.space
