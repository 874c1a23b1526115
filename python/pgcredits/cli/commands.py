"""All commands: importing this module registers them."""

from __future__ import annotations

from pgcredits.cli import adopt, alerts, demo, deploy, maintain, monitoring, report, up, verify

__all__ = ["adopt", "alerts", "demo", "deploy", "maintain", "monitoring", "report", "up", "verify"]
