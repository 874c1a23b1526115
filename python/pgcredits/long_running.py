"""How a program that runs until it is stopped is asked to end, and how it waits meanwhile."""

from __future__ import annotations

import select
import signal
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Stop:
    """A flag that is set once, by a signal handler or any thread; threads that wait for it wake up.

    It is made of a socket, since a handler may set it at any moment: threading.Event would take a
    lock, which the interrupted thread may hold itself.
    """

    def __init__(self) -> None:
        """Begin as not set."""
        self._is_set = False
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def set(self) -> None:
        """Ask for the end."""
        if not self._is_set:
            self._is_set = True
            self._writer.send(b"!")

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self._is_set

    def wait(self, seconds: float, *others: int) -> bool:
        """Wait until it is set, the time is over, or one of the sockets has something to read.

        Args:
            seconds: At most so long.
            others: File descriptors of the sockets.

        Returns:
            Whether it is set.
        """
        if not self._is_set:
            select.select([self._reader.fileno(), *others], [], [], max(0.0, seconds))
        return self._is_set


class Backoff:
    """How long to wait before trying again: twice as long each time, up to a limit."""

    def __init__(self, first: float, longest: float) -> None:
        """Begin with `first` seconds."""
        self._first = self._next = first
        self._longest = longest

    def seconds(self) -> float:
        """How long to wait this time."""
        now, self._next = self._next, min(2 * self._next, self._longest)
        return min(now, self._longest)

    def reset(self) -> None:
        """Note a success: after the next failure the wait is the first one again."""
        self._next = self._first


def stop_on_signals(stop: Stop, on_second: Callable[[], Any] | None = None) -> None:
    """Let SIGTERM and SIGINT set `stop`, from now on until the program ends.

    Args:
        stop: What the signals set.
        on_second: Called when a second signal comes: somebody is in a hurry.
    """
    is_hurrying = False

    def handle(_number: int, _frame: Any) -> None:
        nonlocal is_hurrying
        # A signal that comes while on_second runs must not begin it again: it might never end.
        if stop.is_set() and on_second is not None and not is_hurrying:
            is_hurrying = True
            try:
                on_second()
            finally:
                is_hurrying = False
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
