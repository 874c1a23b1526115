"""All commands: importing this module registers them."""

from __future__ import annotations

from pgcredits.cli import deploy, up

__all__ = ["deploy", "up"]
