"""One HTTP download into a partial file, which a later attempt from this or another server can continue."""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from glyphline import __version__, files, progress


@dataclass(frozen=True, slots=True)
class FileKind:
    """A format of files.

    Attributes:
        name: for a person.
        magic: the bytes that every such file begins with.
    """

    name: str
    magic: bytes


GZIP = FileKind("a gzip archive", b"\x1f\x8b")
HDF5 = FileKind("an HDF5 file", b"\x89HDF\r\n\x1a\n")


class SourceError(Exception):
    """A source did not send the file; the message says why."""


class OversizeError(SourceError):
    """A source sent more bytes than the file can have; they are useless."""


class CutError(SourceError):
    """The connection ended early; the bytes that arrived are kept."""


def resume(url: str, part: Path, kind: FileKind, *, limit_bytes: int, timeout_s: float) -> None:
    """Download the rest of `url` into `part`, from where `part` ends.

    Args:
        url: http or https; redirections to anything else are refused.
        part: the partial file; made when it is missing.
        kind: what it must be; anything else, as a login page, is not kept.
        limit_bytes: more than this is never written.
        timeout_s: seconds without an answer, for the connection and for each read.

    Raises:
        CutError: the connection ended early.
        SourceError: the server refused, answered with another kind of file, or did not answer in time.
    """
    start = part.stat().st_size if part.exists() else 0
    # `identity`: bytes that a server compresses for the transfer could not be continued with a Range.
    headers = {"User-Agent": f"glyphline/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout_s) as answer:  # noqa: S310
            _receive(answer, part, kind, start, limit_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            # The file is complete, or it is another one: its digest will show.
            return
        raise SourceError(f"HTTP {error.code} {error.reason}") from None
    except TimeoutError:
        raise SourceError(f"no answer within {timeout_s:g} s") from None
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        raise SourceError(f"no answer within {timeout_s:g} s" if late else str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise CutError(f"the connection broke: {str(error) or type(error).__name__}") from None


def _receive(answer: http.client.HTTPResponse, part: Path, kind: FileKind, start: int, limit_bytes: int) -> None:
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if begins is None or int(begins[1]) != start:
            raise SourceError(f"asked for bytes from {start:,}, got {answer.headers.get('Content-Range')!r}")
    else:
        start = 0
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    piece = answer.read1(files.CHUNK_BYTES)
    # Before the file is opened: a login page must not replace what an earlier attempt has downloaded.
    if start == 0 and not piece.startswith(kind.magic):
        raise SourceError(f"{answer.headers.get_content_type()} instead of {kind.name}: {piece[:40]!r}")
    received = start
    with (
        part.open("ab" if start else "wb", buffering=0) as stream,
        progress.bar(part.stem, total, progress.BYTES, done=start) as advance,
    ):
        while piece:
            received += len(piece)
            if received > limit_bytes:
                raise OversizeError(f"more than the {limit_bytes:,} bytes that it can have")
            stream.write(piece)
            advance(len(piece))
            piece = answer.read1(files.CHUNK_BYTES)
    if total is not None and received < total:
        raise CutError(f"cut off after {received:,} of {total:,} bytes")


def _opener() -> urllib.request.OpenerDirector:
    # Built by hand: urllib's own opener would also follow file: and ftp: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener
