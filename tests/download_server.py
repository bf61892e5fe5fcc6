"""A server on the loopback that misbehaves in every way that servers do."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Server:
    """What each path does, and which (path, Range) were asked for.

    `body` is the file that it publishes; `others` are paths that answer with something else.
    """

    url: str
    body: bytes
    others: dict[str, bytes] = field(default_factory=dict)
    asked: list = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path):
        return [wanted for asked, wanted in self.asked if asked == path]


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """The first part of the path names the method that answers."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("/")[1]
        self.server.state.asked.append((path, self.headers.get("Range")))
        getattr(self, path, self.missing)()

    def missing(self):
        others = self.server.state.others
        name = self.path.split("/")[1]
        self.answer(others[name]) if name in others else self.send_error(404)

    @property
    def body(self):
        return self.server.state.body

    def answer(self, body, status=200, announced=None, kind="application/gzip", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not begin:
            self.answer(self.body)
        elif int(begin[1]) >= len(self.body):
            self.answer(b"", status=416)
        else:
            rest = self.body[int(begin[1]) :]
            place = f"bytes {begin[1]}-{len(self.body) - 1}/{len(self.body)}"
            self.answer(rest, status=206, Content_Range=place)

    def no_ranges(self):
        self.answer(self.body)

    def cut(self):
        # The line drops in the middle the first time; whoever asks for the rest gets it.
        if self.headers.get("Range"):
            self.good()
        else:
            self.answer(self.body[:90_000], announced=len(self.body))

    def always_cut(self):
        self.answer(self.body[:90_000], announced=len(self.body))

    def cut_then_nothing(self):
        # The rest is announced and does not come.
        if self.headers.get("Range"):
            place = f"bytes 90000-{len(self.body) - 1}/{len(self.body)}"
            self.answer(b"", status=206, announced=len(self.body) - 90_000, Content_Range=place)
        else:
            self.always_cut()

    def a_piece(self):
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(begin[1]) if begin else 0
        place = {"Content_Range": f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"} if start else {}
        size = 50_000 if start < 150_000 else 40_000
        piece = self.body[start : start + size]
        self.answer(piece, status=206 if start else 200, announced=len(self.body) - start, **place)

    def truncated(self):
        self.answer(self.body[:90_000])

    def html(self):
        self.answer(b"<!DOCTYPE html><title>Sign in to the hotel network</title>", kind="text/html")

    def empty(self):
        self.answer(b"")

    def broken(self):
        self.answer(b"try later", status=503)

    def endless(self):
        self.answer(self.body * 3)

    def wrong_place(self):
        self.answer(self.body[5:], status=206, Content_Range=f"bytes 5-{len(self.body) - 1}/{len(self.body)}")

    def hang(self):
        self.server.state.stop.wait(30)

    def half_then_hang(self):
        self.answer(self.body[:90_000], announced=len(self.body))
        self.wfile.flush()
        self.server.state.stop.wait(30)

    def to_file(self):
        self.answer(b"", status=302, Location="file:///etc/hostname")

    def to_good(self):
        self.answer(b"", status=302, Location=f"{self.server.state.url}/good/x.gz")


@contextmanager
def serving(body: bytes, **others: bytes) -> Iterator[Server]:
    """Publish a file at /<method of Misbehaving>/<any name>, and others at /<their name>/<any name>."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as running:
        running.daemon_threads = True
        running.state = state = Server(f"http://127.0.0.1:{running.server_address[1]}", body, others)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        state.stop.set()
        running.shutdown()
        thread.join()
