"""All commands: importing this module registers them."""

from __future__ import annotations

from pgcredits.cli import alerts, demo, deploy, maintain, monitoring, report, up, verify

__all__ = ["alerts", "demo", "deploy", "maintain", "monitoring", "report", "up", "verify"]
