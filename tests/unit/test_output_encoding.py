"""Output where standard output is not UTF-8: a plainer text, from every way of printing, and never an error."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import environment

TEXT = "café 0.9 → 1.0 – ok … │ 犬 \udce9"
CHILD = f"print('child', {TEXT!a})"
# Each way in which this program prints; the names of the streams are looked up when it runs.
PROGRAM = f"""
import logging, subprocess, sys
from glyphline import __main__, cli
text = {TEXT!a}

def run(arguments):
    import click
    from rich.console import Console
    from rich.table import Table
    cli.terminal.log_to_stderr()
    print("print", text)
    click.echo("click " + text)
    click.echo("click " + text, err=True)
    sys.stdout.flush()
    Console(highlight=False, width=200).print("rich", text)
    table = Table(title="table")
    table.add_row(text)
    Console(width=100).print(table)
    logging.getLogger("glyphline").info("log %s", text)
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
    return 0

cli.run = run
__main__.main()
"""
SURROUNDINGS = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "utf-8"},
    {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "1"},
]


@pytest.mark.parametrize("variables", SURROUNDINGS, ids=lambda variables: "-".join(variables.values()))
def test_every_way_of_printing_fits_the_encoding(variables):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(**variables), capture_output=True, check=False
    )
    encoding = variables.get("PYTHONIOENCODING", "ascii").partition(":")[0]
    # Strictly: one byte of another encoding is an error.
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 0, err
    assert "Error" not in err
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if line[:1].isalpha()] == ["print", "click", "rich", "child"]
    assert "click" in err
    assert "log" in err
    if encoding in {"ascii", "latin-1"}:
        cafe = r"caf\xe9" if encoding == "ascii" else "café"
        for line in lines[:3]:
            assert f"{cafe} 0.9 -> 1.0 - ok ... | \\u72ac" in line
        assert not [line for line in lines if "\\u2500" in line]


def depends_on_the_locale(call: ast.Call) -> bool:
    words = {word.arg for word in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "encoding" in words or ast.unparse(call.func) == "files.write_text":
        return False
    modes = [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    as_text = name == "open" and any(mode and set(mode) <= set("rwax+t") for mode in modes)
    return as_text or name in {"read_text", "write_text"} or bool(words & {"text", "universal_newlines"})


def test_no_file_and_no_output_of_a_program_is_read_as_the_locale_says(root):
    calls = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sorted((root / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and depends_on_the_locale(node)
    ]
    assert calls == []


def test_a_command_takes_the_names_of_files_for_utf8_in_any_locale(tmp_path):
    program = (
        "import sys\nfrom glyphline import __main__, cli\n"
        "cli.run = lambda arguments: print(sys.getfilesystemencoding(), sys.stdout.encoding, arguments) or 0\n"
        "__main__.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "a b"],
        env=environment(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="latin-1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "utf-8 iso8859-1 ['a b']\n"
