"""What Prometheus and Grafana need to watch pgcredits: files of this package, and their export."""

from __future__ import annotations

from pgcredits.monitoring.exporting import Exported, MonitoringError, export, shipped_files

__all__ = ["Exported", "MonitoringError", "export", "shipped_files"]
