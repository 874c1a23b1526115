"""All commands: importing this module registers them."""

from __future__ import annotations

from pgcredits.cli import demo, deploy, maintain, monitoring, up, verify

__all__ = ["demo", "deploy", "maintain", "monitoring", "up", "verify"]
