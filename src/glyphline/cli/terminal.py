"""How a command speaks to the terminal: its log, and the one place where an error becomes two lines and a code."""

import logging
import os
import sys
from collections.abc import Callable

import click

from glyphline.errors import PipelineError

INTERRUPTED = 130


def exit_code(command: Callable[[], object]) -> int:
    """Run a command of click's, not in its standalone mode.

    Returns:
        What the command gives, 0 when that is no number; the code of the error's kind, 2 for a wrong command line,
        130 after Ctrl-C, 1 for a mistake of this program.
    """
    try:
        code = command()
    except PipelineError as error:
        click.echo(f"error: {error.problem}\nfix: {error.fix}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        return 1
    return code if isinstance(code, int) else 0


def log_to_stderr() -> None:
    """Begin to log, from INFO up or as GLYPHLINE_LOG says; libraries from WARNING up."""
    level = os.environ.get("GLYPHLINE_LOG", "INFO").upper()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("glyphline").setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
