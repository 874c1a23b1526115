"""A PostgreSQL server of our own: for the demo, the tests, and development."""

from __future__ import annotations

from pgcredits.server.binaries import Binaries, find_binaries
from pgcredits.server.durable import durable_server
from pgcredits.server.ephemeral import ephemeral_server
from pgcredits.server.instance import Server

__all__ = ["Binaries", "Server", "durable_server", "ephemeral_server", "find_binaries"]
