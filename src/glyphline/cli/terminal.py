"""Run a command in the terminal: its log, and the one place where an error becomes two lines and an exit code."""

import errno
import logging
import os
import sys
from collections.abc import Callable

import click

from glyphline.errors import PipelineError
from glyphline.files import DISK_FULL

FILE_REFUSED = 9
INTERRUPTED = 130
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


def exit_code(command: Callable[[], object]) -> int:
    """Run a click command outside click's standalone mode.

    Returns:
        What the command returns, 0 when that is no number; the code of the error's kind, 2 for a wrong command line,
        9 for a full disk or a file without permission, 130 after Ctrl-C, 1 for a bug of this program.
    """
    try:
        code = command()
        # Here, where an error is still reported: standard output may be a file on a full disk.
        sys.stdout.flush()
    except PipelineError as error:
        click.echo(f"error: {error.problem}\nfix: {error.fix}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and (fix := _fix(error)):
            click.echo(f"error: {error.filename or 'a file'}: {error.strerror}\nfix: {fix}", err=True)
            return FILE_REFUSED
        import traceback

        traceback.print_exc()
        return 1
    return code if isinstance(code, int) else 0


def _fix(error: OSError) -> str | None:
    """What to do about a file that the system refuses; None for another kind of error."""
    if error.errno in DISK_FULL:
        return "free space on its disk, or raise the limit; then run the same command again"
    # Without a file name the error is about something else, as a signal that may not be sent.
    if error.errno in NO_PERMISSION and error.filename:
        return "give yourself permission for it, or name another place"
    return None


def log_to_stderr() -> None:
    """Begin to log, from INFO up or as GLYPHLINE_LOG says; libraries from WARNING up."""
    level = os.environ.get("GLYPHLINE_LOG", "INFO").upper()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("glyphline").setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
