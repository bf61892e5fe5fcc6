"""`python -m glyphline` and the `glyphline` command."""

import contextlib
import logging
import os
import sys


def main() -> None:
    """Run the command and leave at once.

    TensorFlow takes half a second to take itself down, after everything is written; the process ends without it.
    """
    from glyphline.cli import run

    code = run(sys.argv[1:])
    logging.shutdown()
    # What does not fit has been told by now.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
