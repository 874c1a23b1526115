"""Where events go: a stream of lines, or a command."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from pgcredits.alerts.follow import TryAgainError
from pgcredits.alerts.model import AlertsError, Event, utc
from pgcredits.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMAND_SECONDS = 60.0


class LineSink:
    """A line for each event, as text or as JSON."""

    def __init__(self, write: Callable[[str], None], *, as_json: bool) -> None:
        """`write` takes a line and flushes it."""
        self._write = write
        self._as_json = as_json

    def deliver(self, event: Event) -> None:
        """Print the event."""
        self._write(json.dumps(event.as_json()) if self._as_json else line(event))


class CommandSink:
    """A program, run once for each event with the event's JSON on its stdin."""

    def __init__(self, command: str, *, timeout: float = _COMMAND_SECONDS) -> None:
        """The command is split as a shell would, and run without one.

        Raises:
            AlertsError: There is no such program.
        """
        self._timeout = timeout
        try:
            self._argv = shlex.split(command)
        except ValueError:
            self._argv = []
        if not self._argv or shutil.which(self._argv[0]) is None:
            name = repr(self._argv[0]) if self._argv else "it"
            raise AlertsError(
                f"--command cannot be run: {name} is not a program",
                "Name a program and its arguments, quoted as for a shell. It is run without one: "
                "for pipes and variables, name sh -c '...'.",
            )

    def deliver(self, event: Event) -> None:
        """Run the command; the event is delivered when its exit status is 0."""
        try:
            done = subprocess.run(
                self._argv,
                input=json.dumps(event.as_json()) + "\n",
                text=True,
                encoding="utf-8",
                check=False,
                timeout=self._timeout,
            )
        except subprocess.TimeoutExpired:
            raise TryAgainError(f"the command took longer than {self._timeout:g} s") from None
        except OSError as error:
            raise TryAgainError(f"the command cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise TryAgainError(f"the command ended with exit status {done.returncode}")


def line(event: Event) -> str:
    """An event for people and log files: always one line."""
    alert = event.alert
    about = [alert.provider] if alert.provider else []
    if alert.user_id.int:
        about.append(f"user {alert.user_id}")
    if alert.external_user_id is not None:
        about.append(f"external id {alert.external_user_id}")
    whom = f" ({', '.join(about)})" if about else ""
    return printable(
        f"{utc(event.at)} {event.kind} {alert.level} {alert.type}{whom}: {alert.message}"
    )
