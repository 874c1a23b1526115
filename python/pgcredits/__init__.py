"""pgcredits: a credits ledger inside PostgreSQL, and the small Python layer that installs it."""

from __future__ import annotations

__version__ = "0.2.0.dev0"
