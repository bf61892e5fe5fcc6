"""Run a command in the terminal: its log, and the one place where an error becomes two lines and an exit code."""

import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

import click

from glyphline import files, progress
from glyphline.errors import PipelineError

FILE_REFUSED = 9
INTERRUPTED = 130


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
        if isinstance(error, OSError) and error.errno in files.DISK_FULL and not error.filename and _is_stdout_full():
            error.filename = "standard output"
        if isinstance(error, OSError) and (refusal := files.refusal(error)):
            again = "; then run the same command again"
            click.echo(f"error: {refusal.problem}\nfix: {refusal.remedy}{again}", err=True)
            return FILE_REFUSED
        import traceback

        traceback.print_exc()
        return 1
    return code if isinstance(code, int) else 0


def _is_stdout_full() -> bool:
    """Whether standard output takes no more; what it refused may be lost, so that one more character is tried."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


class _LogHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream, above the bar that is drawn on it: a line in the middle of one would break both."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            progress.write_line(self.stream, self.format(record))
        except Exception:
            # As logging itself does: a log that cannot be written stops no work.
            self.handleError(record)


def log_to_stderr() -> None:
    """Begin to log, from INFO up or as GLYPHLINE_LOG says; libraries from WARNING up."""
    level = os.environ.get("GLYPHLINE_LOG", "INFO").upper()
    logging.basicConfig(
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        handlers=[_LogHandler(sys.stderr)],
        level=logging.WARNING,
    )
    # It tells of each request that is made again; what came of it is told in two lines.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("glyphline").setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
