"""All advice that the package gives, by kind: the `fix` of every error and warning, read from the source.

`python -m tests.contract.advice` prints docs/advice.md.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "glyphline"
COMMAND = re.compile(r"`((?:dvc|git|glyphline|make|mlflow|pip)\b[^`]*)`")
SECTIONS = "data|preprocess|model|train|tune|evaluate|registry|tracking"
KEY = re.compile(rf"(?<![\w/.])(?:{SECTIONS})\.[a-z_*]+|\bseed\b")
VARIABLE = re.compile(r"\b[A-Z]+_[A-Z_]+\b")
WORDS = "an input that only a person can mend"
VALUE = "a value in params.yaml"
ENVIRONMENT = "an environment variable"
# Given on from elsewhere, or put in by logging.
PASSED_ON = re.compile(r"(<[^>]*>|%s)?")

COMPARE, PROMOTION = "tests/integration/test_compare.py", "tests/integration/test_promotion.py"
NAMED, DOWN = "tests/integration/test_named_model.py", "tests/integration/test_server_down.py"
SEEN, STAGE = "tests/integration/test_search_seen.py", "tests/integration/test_register_stage.py"
HEAD = (
    "# What errors and warnings advise\n\nMade by `make docs` from the source; <...> is put in when it is said."
    " Below each kind of advice stands the test that\ndoes what such an advice says and finds the problem gone.\n"
)
# Kind -> the test that does what such an advice says and finds the problem gone, or why there is none.
FOLLOWED: Mapping[str, str] = {
    VALUE: "tests/unit/test_training_checks.py::test_the_batch_size_that_is_advised_is_accepted",
    ENVIRONMENT: "not followed: a variable that is unset is the state of every other test",
    WORDS: "not followed: what to write or to give depends on the person; the words are tested where they are raised",
    "dvc checkout": f"{COMPARE}::test_a_workspace_without_a_run_is_not_proposed_and_says_how_to_get_one",
    "dvc fetch": f"{COMPARE}::test_a_revision_whose_run_is_not_in_the_cache_is_found_after_the_fetch_that_is_advised",
    "dvc pull": f"{STAGE}::test_a_pulled_clone_shows_its_versions_after_the_sync_that_is_advised",
    "dvc repro": "tests/e2e/test_faults.py::test_ctrl_c_in_the_search_leaves_no_half_output_and_the_next_run_goes_on",
    "git add": (
        "tests/integration/test_experiment_files.py"
        "::test_a_new_network_is_in_an_experiment_that_is_queued_after_what_is_advised"
    ),
    "git checkout": "not followed: the committed params.yaml is what every test begins with",
    "git fetch": "tests/unit/test_reproduce.py::test_a_commit_that_a_shallow_clone_lacks_is_there_after_the_fetch",
    "git status": "not followed: what git refuses, it says itself; the tests of refusals are in tests/unit/test_git.py",
    "git worktree": "not followed: why git makes no worktree is not known beforehand",
    "glyphline history": f"{NAMED}::test_a_model_without_versions_names_the_others_and_the_advice_shows_one",
    "glyphline models": f"{NAMED}::test_a_model_without_versions_names_the_others_and_the_advice_shows_one",
    "glyphline promote": f"{PROMOTION}::test_force_promotes_what_the_gate_refuses_as_advised",
    "glyphline rollback": f"{PROMOTION}::test_rollback_goes_one_champion_back_and_says_who_and_why",
    "glyphline study": f"{SEEN}::test_the_command_prints_state_settings_and_trials",
    "glyphline sync": f"{DOWN}::test_when_the_server_is_back_sync_sends_everything_once",
    "glyphline ui": (
        "tests/unit/test_mlflow_store.py::test_a_port_that_another_program_has_is_told_with_one_that_is_free"
    ),
    "glyphline tune": f"{SEEN}::test_the_command_prints_state_settings_and_trials",
    "make setup": "not followed: it installs packages, for which a test would need the network",
    "mlflow": f"{PROMOTION}::test_the_history_comes_back_with_its_deleted_experiment_as_advised",
    "pip install": "not followed: it installs packages, for which a test would need the network",
}


def advice() -> dict[str, list[str]]:
    """Kind -> the texts of that kind, sorted; a text that names two commands is of two kinds."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for text in _texts():
        if PASSED_ON.fullmatch(text):
            continue
        for kind in _kinds(text):
            kinds[kind].add(text)
    return {kind: sorted(kinds[kind]) for kind in sorted(kinds)}


def _kinds(text: str) -> set[str]:
    commands = {_kind_of(command) for command in COMMAND.findall(text)}
    if commands:
        return commands
    return {VALUE if KEY.search(text) else ENVIRONMENT if VARIABLE.search(text) else WORDS}


def _kind_of(command: str) -> str:
    words = command.split()
    return words[0] if words[0] == "mlflow" else " ".join(words[:2])


def markdown() -> str:
    """docs/advice.md."""
    parts = [HEAD]
    for kind, texts in advice().items():
        title = kind if kind in {VALUE, ENVIRONMENT, WORDS} else f"`{kind}`"
        followed = FOLLOWED.get(kind, "")
        how = f"`{followed}`" if "::" in followed else followed
        parts.append(f"## {title}\n\n{how[:1].upper()}{how[1:]}\n\n" + "".join(f"- {text}\n" for text in texts))
    return "\n".join(parts)


def _texts() -> Iterator[str]:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    constants: dict[str, dict[str, ast.expr]] = {path.stem: _constants(tree) for path, tree in trees.items()}
    for path, tree in trees.items():
        own = _imported(tree, constants) | constants[path.stem]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from (_text(word.value, own, constants) for word in node.keywords if word.arg == "fix")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\nfix: " in node.value:
                yield node.value.partition("\nfix: ")[2]


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _imported(tree: ast.Module, constants: Mapping[str, Mapping[str, ast.expr]]) -> dict[str, ast.expr]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known = constants.get(node.module.rpartition(".")[2], {})
            found |= {name.name: known[name.name] for name in node.names if name.name in known}
    return found


def _text(node: ast.expr, own: Mapping[str, ast.expr], constants: Mapping[str, Mapping[str, ast.expr]]) -> str:
    match node:
        case ast.Constant(value=str(value)):
            text = value
        case ast.JoinedStr(values=values):
            text = "".join(_text(value, own, constants) for value in values)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            text = _text(left, own, constants) + _text(right, own, constants)
        case ast.IfExp(body=body, orelse=orelse):
            text = f"{_text(body, own, constants)} | {_text(orelse, own, constants)}"
        case ast.Name(id=name) if name in own:
            text = _text(own[name], own, constants)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if name in constants.get(module, {}):
            text = _text(constants[module][name], constants[module], constants)
        case ast.FormattedValue(value=value):
            text = _text(value, own, constants)
        case _:
            text = f"<{ast.unparse(node)}>"
    return text


if __name__ == "__main__":
    print(markdown(), end="")
