"""The command line: what help shows, and what becomes of an error."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from glyphline import errors
from glyphline.cli import program, terminal
from glyphline.cli.sections import Sections
from glyphline.cli.stages import STAGES
from tests.conftest import environment


@pytest.fixture
def lines() -> list[str]:
    """Of the help page, which click wraps at 80 columns."""
    return CliRunner().invoke(program, ["--help"], prog_name="glyphline").output.splitlines()


def test_help_lists_the_stages_first_and_in_the_order_of_the_pipeline(lines):
    at = lines.index("Stages, in their order:")
    assert [line.split()[0] for line in lines[at + 1 :] if line[2:3].strip()][: len(STAGES)] == list(STAGES)


def test_help_has_sections_in_the_order_of_work(lines):
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Options:",
        "Stages, in their order:",
        "Parameters and runs:",
        "Registered models:",
        "Housekeeping:",
    ]


def test_help_shows_every_command_but_the_hidden_one_with_its_whole_first_sentence(lines):
    text = " ".join(" ".join(lines).split())
    for name, command in program.commands.items():
        assert (f" {name} {command.get_short_help_str(limit=1000)}" in text) != command.hidden
    assert [name for name, command in program.commands.items() if command.hidden] == ["rescore"]


def test_completion_offers_the_commands_in_the_same_order():
    offered = program.list_commands(click.Context(program))
    assert offered == [command.name for commands in program.sections.values() for command in commands]


def test_a_name_that_two_sections_have_is_refused():
    twice = {"One": [click.Command("a")], "Two": [click.Command("a")]}
    with pytest.raises(ValueError, match="'a' is in two sections"):
        Sections(sections=twice)


def raises(error: BaseException):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("kind", errors.PipelineError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_an_error_of_each_kind_is_two_lines_and_its_own_exit_code(kind, capsys):
    assert terminal.exit_code(raises(kind("it is so", fix="do that"))) == kind.exit_code
    assert capsys.readouterr().err == "error: it is so\nfix: do that\n"


def test_the_exit_codes_of_the_kinds_differ_from_each_other_and_from_the_others():
    codes = [kind.exit_code for kind in errors.PipelineError.__subclasses__()]
    assert len({*codes, 0, 1, terminal.FILE_REFUSED, terminal.INTERRUPTED}) == len(codes) + 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=repr)
def test_an_interrupt_says_that_the_command_goes_on_from_there(error, capsys):
    assert terminal.exit_code(raises(error)) == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on from here\n"


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EDQUOT, "free space"),
        (errno.EFBIG, "free space"),
        (errno.EACCES, "permission"),
        (errno.EPERM, "permission"),
        (errno.EROFS, "permission"),
    ],
    ids=errno.errorcode.get,
)
def test_a_file_that_the_system_refuses_is_named_in_two_lines(number, fix, capsys):
    assert terminal.exit_code(raises(OSError(number, os.strerror(number), "out/page.html"))) == terminal.FILE_REFUSED
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"error: out/page.html: {os.strerror(number)}"
    assert second.startswith("fix: ")
    assert fix in second


def test_a_full_disk_is_reported_with_the_folders_in_question_where_the_file_is_unknown(tmp_path, capsys, monkeypatch):
    def command():
        with open("/dev/full", "w") as stream:  # noqa: PTH123
            stream.write("x")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert terminal.exit_code(command) == terminal.FILE_REFUSED
    error, fix = capsys.readouterr().err.splitlines()
    assert error == f"error: a file in {Path.cwd()} or {tmp_path}: No space left on device"
    assert fix.startswith("fix: free space")


def test_folders_for_temporary_files_that_take_none_are_two_lines(capsys):
    # As `tempfile` says it: without the name of a file.
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")
    assert terminal.exit_code(raises(error)) == terminal.FILE_REFUSED
    first, second = capsys.readouterr().err.splitlines()
    assert "'/tmp', '/var/tmp'" in first
    assert "TMPDIR" in second


def test_a_copied_folder_that_does_not_fit_names_the_target_of_the_first_file(capsys):
    words = "[Errno 28] No space left on device: '/from/a' -> '/to/a'"
    assert terminal.exit_code(raises(shutil.Error([("/from/a", "/to/a", words)]))) == terminal.FILE_REFUSED
    assert capsys.readouterr().err.startswith("error: /to/a: No space left on device\nfix: free space")


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EPERM, "Operation not permitted"), FileNotFoundError(errno.ENOENT, "No such", "a")]
)
def test_another_error_of_the_system_is_a_mistake_of_the_program(error, capsys):
    assert terminal.exit_code(raises(error)) == 1
    assert capsys.readouterr().err.startswith("Traceback")


def test_what_does_not_fit_into_standard_output_ends_in_two_lines_too(root):
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "glyphline", "params"],
            cwd=root, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False,
        )  # fmt: skip
    assert ended.returncode == terminal.FILE_REFUSED
    error, fix = ended.stderr.splitlines()
    assert error == "error: standard output: No space left on device"
    assert fix.startswith("fix: ")


def test_a_mistake_of_the_program_is_shown_with_its_traceback(capsys):
    assert terminal.exit_code(raises(KeyError("lost"))) == 1
    output = capsys.readouterr().err
    assert output.startswith("Traceback")
    assert "KeyError: 'lost'" in output


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--to", "canary", "--force", "--reason", "x"], "--force is for champion"),
        (["--reason", "x"], "--reason needs --force"),
    ],
)
def test_what_promote_would_leave_aside_is_refused(options, problem, capsys):
    command = ["promote", "3", *options]
    assert terminal.exit_code(lambda: program.main(command, standalone_mode=False)) == 2
    assert problem in capsys.readouterr().err


def test_a_wrong_command_line_is_2_and_a_right_one_0(capsys):
    assert terminal.exit_code(lambda: program.main(["compair"], standalone_mode=False)) == 2
    assert "compair" in capsys.readouterr().err
    assert terminal.exit_code(lambda: program.main(["--version"], standalone_mode=False)) == 0
