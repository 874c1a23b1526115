"""The command line: ``pgcredits``."""

from __future__ import annotations

from pgcredits.cli.entry_point import main

__all__ = ["main"]
