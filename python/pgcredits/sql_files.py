"""SQL that Python sends: a file for each statement, which the SQL linter reads, too."""

from __future__ import annotations

from importlib import resources

from psycopg import sql


def read_sql(package: str, name: str) -> str:
    """A statement as it is; psycopg fills in its %(parameters)s.

    Args:
        package: The package in whose folder sql the file is.
        name: The file's name.
    """
    return resources.files(package).joinpath("sql", name).read_text("utf-8")


def read_template(package: str, name: str) -> sql.SQL:
    """A statement in which identifiers, expressions or queries are left open, as {these}.

    Args:
        package: The package in whose folder sql the file is.
        name: The file's name.
    """
    return sql.SQL(read_sql(package, name))
