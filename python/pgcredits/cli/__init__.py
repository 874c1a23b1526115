"""The command line: ``pgcredits``."""

from __future__ import annotations

from pgcredits.cli.app import main

__all__ = ["main"]
