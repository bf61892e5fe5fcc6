"""Whatever file or module the documents, docstrings and comments name is there."""

import re
import subprocess

import pytest

from tests.conftest import ROOT

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
DOCUMENTS = [name for name in TRACKED if name.endswith(".md")]
SOURCES = [name for name in TRACKED if re.match(r"(src|benchmarks)/.*\.py$", name)]
PACKAGE = "src/glyphline/"
# Sections of params.yaml bear the names of some rooms; those rooms are left out.
SECTIONS = {"data", "registry", "params"}
ROOMS = sorted({name.split("/")[2].removesuffix(".py") for name in TRACKED if name.startswith(PACKAGE)} - SECTIONS)
# What a stage writes, an example for the reader, and a file of MLflow's.
ELSEWHERE = {"model_card.md", "artifacts/evaluate/model_card.md", "src/models/wide.py", "mlflow/keras/save.py"}


def missing_files(text: str) -> set[str]:
    """Paths of code and documents that a text names, and that no tracked file's path ends with."""
    named = set(re.findall(r"(?<![\w<>{}*/.-])((?:[\w-]+/)*[\w-]+\.(?:py|md|toml|yml))\b", text))
    return {name for name in named - ELSEWHERE if not any(f"/{path}".endswith(f"/{name}") for path in TRACKED)}


def missing_modules(text: str) -> set[str]:
    """Names as `room.module` and `room.module.name`, in backquotes, that the package does not have."""
    named = set(re.findall(rf"`(?:glyphline\.)?((?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]+)+)`", text))
    return {name for name in named if not (has(name) or name.endswith(".json"))}


def has(dotted: str) -> bool:
    """Whether there is a module of this name, or one with such a name in it."""
    parent, _, last = dotted.rpartition(".")
    return source(dotted) is not None or last in (source(parent) or "")


def source(module: str) -> str | None:
    """The text of a module of the package; None where there is none."""
    base = PACKAGE + module.replace(".", "/")
    path = next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in TRACKED), None)
    return (ROOT / path).read_text(encoding="utf-8") if path else None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_what_is_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert missing_files(text) == set()
    assert missing_modules(text) == set()


@pytest.mark.parametrize("name", SOURCES)
def test_docstrings_and_comments_name_only_files_that_are_there(name):
    words = re.findall(r"#.*|\"\"\"[\s\S]*?\"\"\"", (ROOT / name).read_text(encoding="utf-8"))
    assert missing_files("\n".join(words)) == set()


def test_a_name_that_is_not_there_is_noticed():
    assert missing_files("see tuning/desk.py and docs/architecture.md") == {"tuning/desk.py"}
    assert missing_modules("`tuning.desk` and `tuning.trial_scheduler`, `training.fitted.Fitted`") == {"tuning.desk"}
