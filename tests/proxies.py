"""Servers in front of MLflow's, or in its place: slow, busy, closed to strangers, older, or with little to say."""

import http.client
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What a proxy answers by itself.

    Attributes:
        status: of HTTP.
        body: of the answer.
        headers: more than its length and type.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Callable[[BaseHTTPRequestHandler], Answer | None]
"""Gets each request; None passes it on to the server behind."""


@contextmanager
def proxy(act: Act, behind: str | None = None) -> Iterator[str]:
    """A server on a free port of this machine; gives its address.

    Args:
        act: decides about each request.
        behind: address of the server that requests are passed on to.
    """
    server = urlsplit(behind or "http://nobody")

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = act(self)
            if answer is None:
                connection = http.client.HTTPConnection(server.hostname, server.port)
                connection.request(self.command, self.path, body, dict(self.headers))
                passed = connection.getresponse()
                kind = {"Content-Type": passed.getheader("Content-Type", "text/plain")}
                answer = Answer(passed.status, passed.read().decode(), kind)
                connection.close()
            self.send_response(answer.status)
            content = answer.body.encode()
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            # A client that has what it wants may close the connection as it likes; its words would stand among those
            # of the command under test.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Proxy, f"do_{method}", Proxy.pass_on)
    with Server(("127.0.0.1", 0), Proxy) as passing:
        passing.daemon_threads = True
        threading.Thread(target=passing.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{passing.server_port}"
        finally:
            passing.shutdown()
