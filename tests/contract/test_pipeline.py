"""dvc.yaml says the truth: which code, which parameters and which files each stage stands on."""

import ast
import re
from pathlib import Path, PurePosixPath

import pytest
from ruamel.yaml import YAML

from glyphline.cli.stages import STAGES
from tests.contract import reachable

# Parameters that a stage may read. `tracking` is nobody's: where runs are shown does not change what they hold.
PARAMS = {
    "fetch": {"data"},
    "preprocess": {"seed", "data", "preprocess"},
    "backbone": {"model", "tune"},
    "features": {"train"},
    "tune": {"seed", "data", "model", "train", "tune"},
    "train": {"seed", "data", "model", "train"},
    "evaluate": {"data", "train", "evaluate"},
    "register": {"data", "registry"},
}
# What a reachable room reads for others: features and evaluate fit no network, and register begins no run.
# Where a verified file comes from, and how long that is waited for, does not change it: backbone does not depend on it.
READ_FOR_OTHERS = {
    "backbone": {"data"},
    "features": {"model", "seed"},
    "evaluate": {"model", "seed"},
    "register": {"model", "seed"},
}
# DVC runs it each time, whatever it stands on.
ALWAYS_RUN = "scan"
# The weights of a backbone do not depend on the pictures, nor the pictures on them.
BEGINNINGS = {"scan", "backbone"}
SECTIONS = "seed|data|preprocess|model|train|tune|evaluate|registry"


@pytest.fixture(scope="module")
def pipeline(root):
    return YAML(typ="safe", pure=True).load(root / "dvc.yaml")


@pytest.fixture(scope="module")
def stages(pipeline):
    return pipeline["stages"]


def names(entries) -> list[str]:
    """Paths of a deps, outs or metrics list, whose entries may carry options."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries or []]


def outs(stage) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in names(stage.get(kind))]


def is_within(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


def ignored(root: Path) -> set[Path]:
    """The files of code that DVC does not see, relative to the project."""
    lines = [line.strip() for line in (root / ".dvcignore").read_text().splitlines()]
    paths = [root / line.strip("/") for line in lines if line.startswith("/src/")]
    assert [path for path in paths if not path.exists()] == [], "is ignored and does not exist"
    return {path.relative_to(root) for path in paths}


def parsed(module: str) -> ast.Module:
    path = reachable.file_of(module)
    assert path is not None
    return ast.parse(path.read_text(encoding="utf-8"))


def sections_read(module: str) -> set[str]:
    """Sections of params.yaml that a module reads, as in `params.train.epochs` or `params.seed`."""
    found = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Attribute):
            match = re.match(rf"(?:self\._?)?(?:params|used|values)\.({SECTIONS})\b", ast.unparse(node))
            if match:
                found.add(match[1])
    return found


def test_a_stage_that_always_runs_says_so_and_needs_no_dependencies(stages):
    assert [name for name, stage in stages.items() if stage.get("always_changed")] == [ALWAYS_RUN]
    assert not stages[ALWAYS_RUN].get("deps")
    assert not stages[ALWAYS_RUN].get("params")


def test_the_stages_are_the_commands_in_their_order(stages):
    assert list(stages) == list(STAGES)
    for name, stage in stages.items():
        # tests/integration/test_shadowed_modules.py: the code of the folder, and the libraries of the environment.
        assert stage["cmd"] == f"env PYTHONUTF8=1 PYTHONPATH=src python -P -m glyphline {name}"


@pytest.mark.parametrize("name", [name for name in STAGES if name != ALWAYS_RUN])
def test_a_stage_depends_on_the_code_that_it_can_reach_and_on_no_other(stages, root, name):
    listed: set[Path] = set()
    for dep in names(stages[name]["deps"]):
        if is_within(dep, "src"):
            assert (root / dep).exists(), f"{dep} does not exist"
            files = sorted((root / dep).rglob("*.py")) if (root / dep).is_dir() else [root / dep]
            listed |= {path.relative_to(root) for path in files}
    listed -= ignored(root)
    docstrings_only = {
        path for path in listed if path.name == "__init__.py" and not (root / path).read_text().count("import")
    }
    reached = reachable.code_of(name)
    assert sorted(map(str, reached - listed)) == [], "can be reached and is not listed"
    assert sorted(map(str, listed - reached - docstrings_only)) == [], "is listed and cannot be reached"


@pytest.mark.parametrize("name", [name for name in STAGES if name != ALWAYS_RUN])
def test_a_stage_depends_on_the_parameters_that_its_code_reads(stages, name):
    listed = {key.partition(".")[0] for key in names(stages[name].get("params"))}
    assert listed == PARAMS[name]
    rooms = {module for module in reachable.closure(f"glyphline.stages.{name}") if ".params" not in module}
    read = set().union(*map(sections_read, rooms)) - READ_FOR_OTHERS.get(name, set())
    assert read <= listed, "is read and is not listed"


def test_the_registrys_parameters_touch_register_alone(stages):
    assert [name for name, stage in stages.items() if "registry" in names(stage.get("params"))] == ["register"]
    assert not [name for name, stage in stages.items() if "tracking" in " ".join(names(stage.get("params")))]


def test_the_test_split_is_opened_by_evaluate_alone(stages):
    test = "data/processed/test"
    reads = {
        name
        for name, stage in stages.items()
        if any(is_within(test, dep) or is_within(dep, test) for dep in names(stage.get("deps")))
    }
    assert reads == {"evaluate"}
    # data/raw holds the test images as well.
    assert [name for name, stage in stages.items() if "data/raw" in names(stage.get("deps"))] == ["preprocess"]


@pytest.mark.parametrize(
    "module",
    sorted(
        name
        for name in reachable.modules()
        if name in {"glyphline.stages.tune", "glyphline.stages.train"}
        or re.match(r"glyphline\.(tuning|training)\b", name)
    ),
)
def test_nothing_that_fits_or_searches_names_the_test_split(module):
    for node in ast.walk(parsed(module)):
        assert not (isinstance(node, ast.Constant) and node.value == "test"), f"{module}:{node.lineno}"
        if isinstance(node, ast.Name | ast.Attribute | ast.arg):
            word = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg"}[type(node)]
            assert "test" not in getattr(node, word).split("_"), f"{module}:{node.lineno}"


def test_no_two_outs_lie_in_one_another(stages):
    all_outs = [path for stage in stages.values() for path in outs(stage)]
    for one in all_outs:
        assert [other for other in all_outs if is_within(other, one)] == [one]


def test_outs_lie_in_the_folder_of_their_stage(stages):
    for name, stage in stages.items():
        for out in outs(stage):
            assert is_within(out, f"artifacts/{name}") or (
                name in {"scan", "fetch", "preprocess"} and is_within(out, "data")
            )


def test_every_file_that_a_stage_reads_is_made_by_an_earlier_one_and_the_chain_has_no_gap(stages):
    made: list[str] = []
    before: list[str] = []
    for name, stage in stages.items():
        read = [dep for dep in names(stage.get("deps")) if not is_within(dep, "src")]
        for dep in read:
            assert any(is_within(dep, out) for out in made), f"{name} reads {dep}, which no earlier stage makes"
        if name not in BEGINNINGS:
            assert any(is_within(dep, out) for dep in read for out in before), (
                f"{name} does not wait for its predecessor"
            )
        before = outs(stage)
        made += before


def test_features_wait_for_the_pictures_too(stages):
    assert {"data/processed/train", "data/processed/val"} <= set(names(stages["features"]["deps"]))


def test_register_waits_for_the_journals_and_the_records_that_it_reads(stages):
    deps = set(names(stages["register"]["deps"]))
    assert deps >= {
        "artifacts/train/training.json",
        "artifacts/train/journal.jsonl",
        "artifacts/evaluate/evaluation.json",
        "artifacts/evaluate/journal.jsonl",
    }


def test_only_metrics_stay_out_of_the_cache(stages):
    # An out without cache switches DVC's run-cache off for its stage; metrics do not.
    for stage in stages.values():
        for out in stage.get("outs", []):
            assert isinstance(out, str) or out[next(iter(out))].get("cache", True)


def test_the_model_is_an_artifact_that_dvc_knows(pipeline, stages):
    paths = [artifact["path"] for artifact in pipeline["artifacts"].values()]
    assert paths
    assert set(paths) <= set(outs(stages["train"]))


def test_dvc_shows_the_parameters_that_the_model_was_trained_with(pipeline, stages):
    assert set(pipeline["params"]) == {"artifacts/train/params.json"}
    assert set(pipeline["params"]) <= set(outs(stages["train"]))


def test_byte_code_is_no_dependency(root):
    # A folder of code is hashed with all that lies in it, and Python writes into it.
    ignored = (root / ".dvcignore").read_text().splitlines()
    assert {"__pycache__", "__pycache__/"} & {line.strip() for line in ignored}
