"""The command line: what can be asked of the program, in the order in which one needs it.

Nothing heavy is imported here: each command imports its own room when it runs.
"""

from collections.abc import Sequence

import click

from glyphline import __version__, scratch
from glyphline.cli import housekeeping, registry, runs, stages, terminal
from glyphline.cli.sections import Sections


@click.group(
    cls=Sections,
    sections={
        "Stages, in their order": stages.COMMANDS,
        "Parameters and runs": runs.COMMANDS,
        "Registered models": registry.COMMANDS,
        "Housekeeping": housekeeping.COMMANDS,
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__)
def program() -> None:
    """From labelled images to a registered, explained, comparable classifier.

    `dvc repro` runs the stages in order and only those that something changed for.
    """
    terminal.log_to_stderr()


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0, the code of the error's kind, 2 for a wrong command line, 9 for a full disk
        or a file that may not be touched, 130 after Ctrl-C.
    """
    try:
        return terminal.exit_code(
            lambda: program.main(args=list(arguments), prog_name="glyphline", standalone_mode=False)
        )
    finally:
        scratch.remove_lasting()
