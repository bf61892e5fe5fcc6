"""`python -m glyphline` and the `glyphline` command."""

import contextlib
import logging
import os
import sys


def main() -> None:
    """Run the command and exit at once.

    TensorFlow's own shutdown takes half a second after everything is written; the process ends without it.
    """
    from glyphline.cli import output_encoding, run

    # For the processes that this one starts, and those that they start: no file of the project replaces a library.
    os.environ["PYTHONSAFEPATH"] = "1"
    output_encoding.degrade_output()
    code = run(sys.argv[1:])
    logging.shutdown()
    # A full disk has been reported by now.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
