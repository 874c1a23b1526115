"""How often each statement of each procedure was executed, counted by plpgsql_check's profiler.

Profiles belong to a database, and each test's database is dropped: so they are collected before
each drop, and added up by function and statement.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import psycopg

    from support.servers import PostgresServer

_FUNCTIONS = """
    select
        p.oid,
        p.pronamespace::pg_catalog.regnamespace::text || '.' || p.proname as name,
        l.lanname as language,
        p.prosrc as source
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where p.pronamespace in (
        select n.oid from pg_catalog.pg_namespace as n
        where n.nspname in ('credits', 'credits_internal', 'credits_monitoring')
    )
"""

_STATEMENTS = f"""
    select f.name, s.stmtid, s.lineno, s.stmtname, s.exec_stmts
    from ({_FUNCTIONS}) as f
    cross join lateral public.plpgsql_profiler_function_statements_tb(f.oid) as s
    where f.language = 'plpgsql'
"""


# The same for statements that have run at all: in most tests these are few.
_EXECUTED = f"""
    select f.name, s.stmtid, s.exec_stmts
    from ({_FUNCTIONS}) as f
    inner join public.plpgsql_profiler_functions_all() as a on a.funcoid = f.oid
    cross join lateral public.plpgsql_profiler_function_statements_tb(f.oid) as s
    where s.exec_stmts > 0
"""


class Profile:
    """The sum over all databases of a run."""

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "shared_preload_libraries": "plpgsql_check",
        "plpgsql_check.profiler": "on",
    }

    def __init__(self, file: Path) -> None:
        """Keep where to write it; each of pytest-xdist's workers has a file of its own."""
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        self._file = file.with_name(f"{file.stem}-{worker}{file.suffix}") if worker else file
        self._sources: dict[str, dict[str, str]] = {}
        self._statements: dict[str, dict[int, tuple[int, str]]] = defaultdict(dict)
        self._executed: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def start(self, server: PostgresServer) -> None:
        """Have the profiler's memory freed after each drop: where it is full, calls hang for ever.

        So they do after 17,000 functions, of all databases; tests whose databases are not collected
        count, too.
        """
        server.administration.execute("create extension if not exists plpgsql_check")
        server.after_drop.append("select public.plpgsql_profiler_reset_all()")

    def prepare(self, server: PostgresServer, dbname: str) -> None:
        """Install the profiler in the template, and learn which functions there are."""
        with server.connect(dbname) as conn:
            conn.execute("create extension if not exists plpgsql_check")
            for _, name, language, source in conn.execute(_FUNCTIONS):
                self._sources[name] = {"language": language, "source": source}
            for name, stmtid, lineno, stmtname, _ in conn.execute(_STATEMENTS):
                self._statements[name][stmtid] = (lineno, stmtname)

    def collect(self, conn: psycopg.Connection[Any]) -> None:
        """Add one database's counts."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            for name, stmtid, executed in cursor.execute(_EXECUTED):
                self._executed[name][stmtid] += executed

    def write(self) -> None:
        """Write the sum as JSON: function -> language, source, statements."""
        if not self._sources:
            return  # pytest-xdist's controller, which runs no test
        report = {
            name: {
                **about,
                "statements": [
                    {"id": i, "line": line, "kind": kind, "executed": self._executed[name][i]}
                    for i, (line, kind) in sorted(self._statements[name].items())
                ],
            }
            for name, about in sorted(self._sources.items())
        }
        self._file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
