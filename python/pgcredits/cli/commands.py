"""All commands: importing this module registers them."""

from __future__ import annotations

__all__: list[str] = []
