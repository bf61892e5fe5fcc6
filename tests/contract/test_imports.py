"""What a command loads: TensorFlow alone takes longer than fetch, preprocess and register together."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.project import set_params

HEAVY = {"tensorflow", "keras", "mlflow", "optuna", "sklearn", "scipy", "matplotlib", "pandas"}
NETWORKS = {"tensorflow", "keras"}

# Runs a command (or, after "import", imports a module), then says which packages are loaded.
PROBE = """
import json, sys
from pathlib import Path
target, *words = sys.argv[1:]
if words[0] == "import":
    __import__(words[1])
    code = 0
else:
    from glyphline.cli import run
    code = run(words)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
Path(target).write_text(json.dumps({"code": code, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """A project with nothing but its two files."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, folder)
    return folder


@dataclass(frozen=True)
class Probed:
    """How a command ended: its exit code, what it said to standard error, the packages that it had loaded."""

    code: int
    err: str
    loaded: set[str]


@pytest.fixture
def probe(tmp_path):
    """Runs a command in a folder: `probe(folder, "params")`."""

    def run(folder: Path, *words: str) -> Probed:
        finished = subprocess.run(
            [sys.executable, "-c", PROBE, tmp_path / "said.json", *words],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        said = json.loads((tmp_path / "said.json").read_text())
        return Probed(said["code"], finished.stderr, set(said["loaded"]))

    return run


@pytest.fixture
def loaded_by(project, probe):
    """The packages that a command loads: `loaded_by("params")`."""

    def run(*words: str) -> set[str]:
        probed = probe(project, *words)
        assert probed.code == 0, probed.err
        return probed.loaded

    return run


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["params"], ["params", "--markdown"], ["train", "--help"]]
)
def test_a_command_that_only_tells_loads_nothing_heavy(loaded_by, words):
    assert not loaded_by(*words) & HEAVY


def test_fetch_and_preprocess_of_the_bundled_digits_load_nothing_heavy(loaded_by):
    assert not loaded_by("fetch") & HEAVY
    assert not loaded_by("preprocess") & HEAVY


def test_a_network_that_learns_from_nothing_loads_nothing_heavy_for_a_backbone(loaded_by):
    assert not loaded_by("backbone") & HEAVY
    assert not loaded_by("features") & HEAVY


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_mistake_in_a_table_is_told_before_anything_heavy_is_loaded(root, probe, tmp_path, suffix):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path)
    row = "image,label\n../1.png,a\n" if suffix == "csv" else '{"image": "../1.png", "label": "a"}\n'
    (tmp_path / f"mine.{suffix}").write_text(row)
    set_params(tmp_path, {"data.path": f"mine.{suffix}"})
    probed = probe(tmp_path, "fetch")
    assert probed.code == 3
    assert "is no path below the folder of the table" in probed.err
    assert not probed.loaded & (HEAVY | {"pyarrow"})


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("glyphline", HEAVY),
        ("glyphline.commands.features", HEAVY),
        ("glyphline.commands.load_model", NETWORKS | {"mlflow", "optuna", "matplotlib"}),
        ("glyphline.cli", HEAVY),
        ("glyphline.stages.fetch", HEAVY),
        ("glyphline.stages.preprocess", HEAVY),
        ("glyphline.stages.backbone", HEAVY),
        ("glyphline.stages.features", HEAVY),
        ("glyphline.stages.register", HEAVY),
        ("glyphline.commands.compare", HEAVY),
        ("glyphline.registry", HEAVY),
        ("glyphline.mlflow_sync", HEAVY),
        ("glyphline.stages.tune", NETWORKS | {"matplotlib", "mlflow", "plotly"}),
        ("glyphline.commands.study", NETWORKS | {"matplotlib", "mlflow", "plotly"}),
        ("glyphline.evaluation", NETWORKS | {"mlflow", "optuna"}),
    ],
)
def test_importing_a_module_does_not_load_another_rooms_library(loaded_by, module, banned):
    assert not loaded_by("import", module) & banned


def test_register_reaches_mlflow_without_a_network_library(loaded_by):
    assert not loaded_by("import", "mlflow.tracking") & NETWORKS


@pytest.mark.parametrize("stage", ["fetch", "tune", "train", "register"])
def test_a_mistake_in_params_yaml_is_told_before_anything_heavy_is_loaded(project, probe, tmp_path, stage):
    shutil.copy(project / "dvc.yaml", tmp_path)
    text = (project / "params.yaml").read_text()
    text = re.sub(r"^seed:.*", "sead: 7", text, flags=re.MULTILINE)
    text = re.sub(r"^(train:\n  epochs:).*", r"\1 true", text, flags=re.MULTILINE)
    (tmp_path / "params.yaml").write_text(text)
    probed = probe(tmp_path, stage)
    assert probed.code == 2
    assert probed.err.splitlines() == [
        "error: train.epochs: must be a whole number (got true)",
        "sead: unknown key, did you mean seed? (got 7)",
        "fix: edit params.yaml; `glyphline params` lists every field",
    ]
    assert not probed.loaded & (HEAVY | {"ray", "h5py", "PIL"})
