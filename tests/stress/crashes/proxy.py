"""A connection that breaks on demand: a proxy between a client and the real server.

It passes on what the client sends, reads what the server answers, and understands just enough of
the protocol to know when the server has answered in full: then the transaction has ended, and the
proxy hangs up instead of telling the client.
"""

from __future__ import annotations

import contextlib
import enum
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

# From the protocol: types of messages, and a state that ReadyForQuery tells.
COMMAND_COMPLETE = b"C"
READY_FOR_QUERY = b"Z"
NO_TRANSACTION = b"I"


class Loss(enum.Enum):
    """What a client loses of its next transaction."""

    REQUEST = "the request does not reach the server"
    ANSWER = "the transaction has ended, and the answer does not reach the client"


class Relay:
    """One client's way to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server
        self._loss: Loss | None = None
        #: What the client has lost, as seen from between the two.
        self.lost: Loss | None = None

    def lose(self, loss: Loss) -> None:
        """Lose this of the next transaction."""
        self._loss = loss

    def hang_up(self) -> None:
        """End it for both."""
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Pass on what either side says, until one of them hangs up, or we do."""
        answers = threading.Thread(target=self._pass_answers, daemon=True)
        answers.start()
        with contextlib.suppress(OSError):
            while (request := self._client.recv(65536)) and self._loss is not Loss.REQUEST:
                self._server.sendall(request)
            if request:
                self.lost = Loss.REQUEST
        self.hang_up()
        answers.join()
        # Not before nobody reads from them: the numbers are given to the next connections.
        self._client.close()
        self._server.close()

    def _pass_answers(self) -> None:
        with contextlib.suppress(OSError):
            answer: list[bytes] = []
            for message in self._messages():
                answer.append(message)
                if self._loss is Loss.ANSWER and not message.startswith(READY_FOR_QUERY):
                    continue
                if self._loss is Loss.ANSWER and self._ends_transaction(answer):
                    self.lost = Loss.ANSWER
                    break
                self._client.sendall(b"".join(answer))
                answer.clear()
        self.hang_up()

    def _ends_transaction(self, answer: list[bytes]) -> bool:
        """The server says this once the commit is done; after a refusal nothing is complete."""
        done = any(message.startswith(COMMAND_COMPLETE) for message in answer)
        return done and answer[-1].endswith(NO_TRANSACTION)

    def _messages(self) -> Iterator[bytes]:
        """What the server says, message by message: a type, the length of the rest, the rest."""
        unread = b""
        while received := self._server.recv(65536):
            unread += received
            while len(unread) >= 5:
                end = 1 + struct.unpack_from("!I", unread, 1)[0]
                if len(unread) < end:
                    break
                yield unread[:end]
                unread = unread[end:]


class Proxy:
    """Listens on a port of its own, for clients of one server.

    with Proxy(database.dsn) as proxy, psycopg.connect(proxy.dsn, autocommit=True) as conn:
        relay = proxy.relay_of(conn)
        relay.lose(Loss.ANSWER)
        with pytest.raises(psycopg.OperationalError):
            conn.execute(...)  # done and committed, but its client never hears of it
        assert relay.lost is Loss.ANSWER
    """

    def __init__(self, dsn: str) -> None:
        self._target = conninfo_to_dict(dsn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._relays: dict[int, Relay] = {}
        self._known = threading.Lock()
        # Encrypted, there would be nothing to read.
        self.dsn = make_conninfo(
            dsn,
            host="127.0.0.1",
            port=self._listener.getsockname()[1],
            sslmode="disable",
            gssencmode="disable",
        )

    def __enter__(self) -> Self:
        """Start listening."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, and hang up on everybody."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._known:
            for relay in self._relays.values():
                relay.hang_up()

    def relay_of(self, conn: Any) -> Relay:
        """The relay of a client's connection: both know it by the client's port."""
        with socket.socket(fileno=os.dup(conn.fileno())) as client, self._known:
            return self._relays[client.getsockname()[1]]

    def _accept(self) -> None:
        while True:
            try:
                client, (_, port) = self._listener.accept()
            except OSError:
                return
            relay = Relay(client, self._connect())
            with self._known:
                self._relays[port] = relay
            threading.Thread(target=relay.run, daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._target["host"]), int(self._target.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server
