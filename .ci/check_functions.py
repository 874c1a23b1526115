"""plpgsql_check's static check of every PL/pgSQL function, deployed on a throwaway server.

usage: PGCREDITS_PG_BINDIR=... check_functions.py

The server must have the extension plpgsql_check. Errors fail; warnings are listed.
"""

# ruff: noqa: T201 - a report on the command line

from __future__ import annotations

import sys

import psycopg

from pgcredits.deploy import migrate
from pgcredits.server import ephemeral_server

# A trigger function is checked once for each trigger: its NEW and OLD are the table's.
QUERY = """
    select
        p.oid::pg_catalog.regprocedure::text as function,
        c.lineno,
        c.level,
        c.sqlstate,
        c.message,
        c.detail,
        c.hint
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_language as l on l.oid = p.prolang
    left join pg_catalog.pg_trigger as t on t.tgfoid = p.oid
    cross join lateral plpgsql_check_function_tb(
        p.oid,
        -- A trigger function that no table uses here (only adopted tables do) is checked as if
        -- credits.user_credits used it.
        case
            when p.prorettype = 'trigger'::pg_catalog.regtype
                then coalesce(t.tgrelid, 'credits.user_credits'::pg_catalog.regclass)
            else 0
        end,
        -- Which of its triggers has fired, it asks itself: the tables of all are there.
        oldtable => (
            select max(o.tgoldtable) from pg_catalog.pg_trigger as o where o.tgfoid = p.oid
        ),
        newtable => (
            select max(n.tgnewtable) from pg_catalog.pg_trigger as n where n.tgfoid = p.oid
        ),
        fatal_errors => false,
        extra_warnings => true,
        performance_warnings => false,
        security_warnings => true
    ) as c
    where
        l.lanname = 'plpgsql'
        and p.pronamespace::pg_catalog.regnamespace::text like 'credits%'
    order by 1, 2
"""


def main() -> int:
    """Deploy pgcredits, check every function, and print what was found."""
    with ephemeral_server() as server:
        migrate(server.dsn())
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute("create extension plpgsql_check")
            count = conn.execute(
                "select pg_catalog.count(*) from pg_catalog.pg_proc as p"
                " where p.pronamespace::pg_catalog.regnamespace::text like 'credits%'"
            ).fetchone()
            found = conn.execute(QUERY).fetchall()
    errors = [row for row in found if row[2] == "error"]
    for function, line, level, sqlstate, message, detail, hint in found:
        print(f"{level}: {function} line {line}: {sqlstate} {message}")
        for more in (detail, hint):
            if more:
                print(f"    {more}")
    print(
        f"static check of {count[0] if count else 0} functions: {len(errors)} errors,"
        f" {len(found) - len(errors)} warnings"
    )
    return 1 if errors or not count or not count[0] else 0


if __name__ == "__main__":
    sys.exit(main())
