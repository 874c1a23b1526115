"""What is in our schemas, by the catalogs, and what our files define."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

OURS = "('credits', 'credits_internal', 'credits_monitoring')"

FUNCTIONS = f"""
    select
        p.oid,
        n.nspname as schema,
        p.proname as name,
        p.oid::regprocedure::text as signature,
        p.provolatile as volatility,
        p.proparallel as parallel,
        p.prosecdef as is_definer,
        p.proargnames as argument_names,
        p.proargmodes as argument_modes,
        p.proargtypes::oid[] as argument_types,
        p.pronargs as arguments,
        p.prorettype::regtype::text as result,
        l.lanname as language,
        obj_description(p.oid, 'pg_proc') as comment
    from pg_proc as p
    inner join pg_namespace as n on p.pronamespace = n.oid
    inner join pg_language as l on p.prolang = l.oid
    where n.nspname in {OURS}
    order by n.nspname, p.proname
"""


@dataclass(frozen=True)
class Source:
    """A file that defines one object."""

    path: Path
    sql: str

    @property
    def schema(self) -> str:
        """Where its object belongs, by its folder."""
        folders = self.path.relative_to(ROOT).parts
        if folders[0] == "views":
            return "credits_monitoring"
        return "credits_internal" if folders[1] == "internal" else "credits"

    @property
    def name(self) -> str:
        """Its object's name with its schema, as the file's name and folder have it."""
        return f"{self.schema}.{self.path.stem}"

    def __str__(self) -> str:
        """For messages."""
        return str(self.path.relative_to(ROOT))


def sources(folder: str) -> list[Source]:
    """The files of procedures/ or views/."""
    found = [
        Source(path, path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.sql"))
    ]
    assert found
    return found


def code(sql: str) -> str:
    """The SQL without comments; texts stay."""
    return re.sub(r"--[^\n]*", "", sql)


def functions(conn: psycopg.Connection[Any]) -> list[Any]:
    """Every function in our schemas."""
    return conn.execute(FUNCTIONS).fetchall()


def raised() -> Iterator[tuple[str, str, Source]]:
    """Every error of ours: SQLSTATE, code, and a file that raises it."""
    for source in sources("procedures"):
        for call in re.findall(r"credits_internal\.refuse\((.*?)\);", code(source.sql), re.DOTALL):
            sqlstate = re.search(r"p_sqlstate => '(\w+)'", call)
            error = re.search(r"p_code => '(\w+)'", call)
            assert sqlstate, f"{source} raises an unknown error: {call}"
            assert error, f"{source} raises an error without a code: {call}"
            yield sqlstate[1], error[1], source
