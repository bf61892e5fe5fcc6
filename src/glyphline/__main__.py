"""`python -m glyphline` and the `glyphline` command."""

import contextlib
import logging
import os
import sys


def main() -> None:
    """Run the command and exit at once.

    TensorFlow's own shutdown takes half a second after everything is written; the process ends without it.
    """
    _take_names_of_files_for_utf8()
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


def _take_names_of_files_for_utf8() -> None:
    """Begin again in UTF-8 mode where the locale is another: MLflow and TensorFlow write paths in UTF-8 anyway."""
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        # What is printed keeps the encoding of the locale.
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
        # The file that leads from the environment to the package is read in the locale's encoding all the same.
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
