"""README.md promises only what exists."""

import re
import subprocess
import sys

import pytest

from glyphline.cli import program


@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def targets(root) -> dict[str, str]:
    """Target of the Makefile -> its line of help."""
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)([^\n]*)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: rest.partition("## ")[2].strip() for name, rest in rules}


def code_in(text: str) -> str:
    """What stands in code blocks and between backticks."""
    blocks = re.findall(r"^(?:```[a-z]*\n(.*?)^```|((?: {4}[^\n]*\n)+))", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*("".join(block) for block in blocks), *re.findall(r"`([^`\n]+)`", text)])


def test_it_is_short(readme):
    assert 10 <= len(readme.splitlines()) <= 120


def test_every_make_target_in_it_exists(readme, targets):
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_in(readme)))
    assert {"run", "test"} <= named
    assert named <= set(targets)


def test_every_command_in_it_exists(readme):
    named = set(re.findall(r"\bglyphline ([a-z]+)\b", code_in(readme)))
    assert named <= set(program.commands)


def test_every_command_is_in_the_docs(root, readme):
    text = readme + "".join(path.read_text(encoding="utf-8") for path in (root / "docs").glob("*.md"))
    text += (root / "dvc.yaml").read_text(encoding="utf-8")
    assert [name for name in program.commands if not re.search(rf"\bglyphline {name}\b", text)] == []


def test_every_link_and_picture_in_it_exists(root, readme):
    links = re.findall(r"\]\(([^)#\s]+)\)", readme)
    missing = [link for link in links if not re.match(r"https?://|mailto:", link) and not (root / link).exists()]
    assert missing == []


def test_every_target_has_a_line_of_help_and_make_help_shows_it(root, targets):
    assert {"help", "run", "test", "ui", "check"} <= set(targets)
    assert [name for name, line in targets.items() if not line] == []
    shown = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert [name for name in targets if not re.search(rf"^\s*(make )?{name}\b", shown, re.MULTILINE)] == []


@pytest.mark.parametrize("command", sorted(program.commands))
def test_every_command_explains_itself(command):
    assert program.commands[command].get_short_help_str(limit=200)


def test_the_module_runs_as_the_command_does(root):
    said = subprocess.run(
        [sys.executable, "-m", "glyphline", "--version"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(root / "src")},
    ).stdout
    assert said.startswith("glyphline, version ")
