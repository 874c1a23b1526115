"""A webhook's receiver on loopback, which answers as it is told to."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: An answer in place of a status: close the connection.
HANG_UP = "hangs up"
TOO_SLOW = "answers too late"


@dataclass(frozen=True)
class Answer:
    """What the receiver says to one request."""

    status: int | str = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


@dataclass(frozen=True)
class Request:
    """What was posted, and when."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any
    at: float


@dataclass
class Receiver:
    """Keeps what it receives; answers by the list, then always 200."""

    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    is_closing: bool = False

    @property
    def url(self) -> str:
        """The address, with a secret in it."""
        return f"{self.address}/services/s3cret?token=t0ken"

    def events(self) -> list[tuple[str, str]]:
        """(event, type) of each request."""
        return [(r.body["event"], r.body["type"]) for r in list(self.requests)]


@contextmanager
def receiving(*answers: Answer) -> Iterator[Receiver]:
    receiver = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(
                Request(self.path, dict(self.headers), body, json.loads(body), time.monotonic())
            )
            answer = receiver.answers.pop(0) if receiver.answers else Answer()
            if answer.status == HANG_UP:
                self.close_connection = True
                return
            while answer.status == TOO_SLOW:
                if receiver.is_closing:
                    return
                time.sleep(0.01)
            assert isinstance(answer.status, int)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Print no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_closing = True
        server.shutdown()
        thread.join()
        server.server_close()
