"""Parts of bodies, which stand in files of SQL."""

from __future__ import annotations

from pgcredits.sql_files import read_sql


def filled(name: str, **parts: str) -> str:
    """A part of a body, with what is left open in it."""
    return read_sql(__package__, f"bodies/{name}.sql").format(**parts)
