"""A PostgreSQL server of our own: for the demo, the tests, and development."""

from __future__ import annotations

import sys

from pgcredits.errors import ServerError

if sys.platform == "win32":
    raise ServerError(
        "the embedded server runs on Linux and macOS only",
        "Use WSL, or any PostgreSQL 15 or newer by its connection string.",
    )

from pgcredits.server.binaries import Binaries, find_binaries
from pgcredits.server.durable import durable_server
from pgcredits.server.ephemeral import ephemeral_server
from pgcredits.server.instance import Server

__all__ = ["Binaries", "Server", "durable_server", "ephemeral_server", "find_binaries"]
