"""What is printed where the terminal or the pipe is not UTF-8: a plainer character, and never an error."""

import codecs
import locale
import os
import sys
import unicodedata

PLAIN = "plain"
"""Name of the error handler, and of ASCII under another name."""
# What Unicode does not decompose into ASCII by itself.
_SUBSTITUTES = {"–": "-", "−": "-", "—": "-", "→": "->", "·": "-", "×": "x", "±": "+-", "█": "#"}


def degrade_output() -> None:
    """Let standard output and standard error of this process, and of those that it starts, print any text."""
    codecs.register_error(PLAIN, _substitute)
    codecs.register(_plain_codec)
    is_chosen = sys.flags.utf8_mode == 0 or "PYTHONIOENCODING" in os.environ
    for stream in (sys.stdout, sys.stderr):
        encoding = stream.encoding if is_chosen else shown_encoding(locale.getencoding())
        # To a stream that calls itself ASCII, click writes UTF-8.
        is_ascii = codecs.lookup(encoding).name == "ascii"
        stream.reconfigure(encoding=PLAIN if is_ascii else encoding, errors=PLAIN)  # type: ignore[union-attr]
    # They do not know the handler.
    encoding = "ascii" if sys.stdout.encoding == PLAIN else sys.stdout.encoding
    os.environ["PYTHONIOENCODING"] = f"{encoding}:backslashreplace"


def shown_encoding(of_locale: str) -> str:
    """The encoding of a terminal, for a Python that is told to take UTF-8 for the names of files, as the stages are.

    >>> shown_encoding("ISO-8859-1"), shown_encoding("ANSI_X3.4-1968")
    ('iso8859-1', 'utf-8')
    """
    name = codecs.lookup(of_locale).name
    # The locale C says nothing about the terminal: Python itself takes it for UTF-8.
    return "utf-8" if name == "ascii" else name


def plain(character: str) -> str:
    r"""ASCII for a character: what looks like it for signs and lines, its escape for letters, which may be of a path.

    >>> plain("…"), plain("─"), plain("é"), plain("犬")
    ('...', '-', '\\xe9', '\\u72ac')
    """
    name = unicodedata.name(character, "")
    if name.startswith("BOX DRAWINGS"):
        return {(True, False): "-", (False, True): "|"}.get(("HORIZONTAL" in name, "VERTICAL" in name), "+")
    escape = character.encode("ascii", "backslashreplace").decode()
    if unicodedata.category(character).startswith("L"):
        return escape
    decomposed = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _SUBSTITUTES.get(character) or decomposed or escape


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


def _plain_codec(name: str) -> codecs.CodecInfo | None:
    if name != PLAIN:
        return None
    info = codecs.lookup("ascii")
    return codecs.CodecInfo(
        info.encode,
        info.decode,
        info.streamreader,
        info.streamwriter,
        info.incrementalencoder,
        info.incrementaldecoder,
        name=PLAIN,
    )
