"""Everything that our functions use, once more, in a schema that a caller owns.

Each of these raises, so that whoever steps on one is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from support.paths import ROOT

if TYPE_CHECKING:
    import psycopg

#: The message of every shadow.
SHADOWED = "a shadow was called"

# Functions of pg_catalog by the names that occur in our files, for plain types.
FUNCTIONS = """
    select
        p.proname as name,
        pg_get_function_identity_arguments(p.oid) as arguments,
        format_type(p.prorettype, null) as result,
        p.proretset as is_set
    from pg_proc as p
    where
        p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname = any (%s)
        -- Ordered-set aggregates have no function of the same form.
        and p.prokind in ('f', 'a', 'w')
        and not exists (select from pg_aggregate as g where g.aggfnoid = p.oid and g.aggkind <> 'n')
        and not exists (
            select from unnest(array[p.prorettype] || p.proargtypes::oid[]) as a (oid)
            inner join pg_type as t on t.oid = a.oid
            where t.typtype = 'p'
        )
"""

OPERATORS = """
    select distinct
        o.oprname as name,
        format_type(o.oprleft, null) as left_type,
        format_type(o.oprright, null) as right_type,
        format_type(o.oprresult, null) as result
    from pg_operator as o
    where
        o.oprnamespace = 'pg_catalog'::regnamespace
        and o.oprname in ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%%', '||', '->',
            '->>', '|', '<<')
        and o.oprleft = any (%(types)s::regtype[])
        and o.oprright = any (%(types)s::regtype[])
    union all
    select '-', null, t.type::text, t.type::text
    from unnest('{bigint, integer, numeric}'::regtype[]) as t (type)
"""

TYPES = (
    "uuid, bigint, integer, numeric, text, boolean, timestamptz, timestamp, date, interval, jsonb,"
    " bytea, double precision"
)

# For polymorphic and variadic functions, and for what is no function at all.
MORE_FUNCTIONS = (
    "jsonb_build_object(text, uuid, text, bigint) returns jsonb",
    "jsonb_build_object(text, text) returns jsonb",
    "jsonb_build_object(text, bigint, text, bigint) returns jsonb",
    "jsonb_build_array(jsonb) returns jsonb",
    "json_build_array(text, text) returns json",
    "jsonb_agg(jsonb) returns jsonb",
    "array_agg(uuid) returns uuid[]",
    "coalesce(bigint, bigint) returns bigint",
    "greatest(timestamptz, timestamptz) returns timestamptz",
    "least(bigint, bigint) returns bigint",
    "to_jsonb(text) returns jsonb",
    "format(text, text) returns text",
    "format(text, bigint, bigint) returns text",
    "unnest(uuid[]) returns setof uuid",
    "clock() returns timestamptz",
    "require_user(uuid) returns void",
    "user_balance(uuid) returns bigint",
    "lock_and_deduct(uuid, bigint, text, text, numeric, jsonb) returns bigint",
)

DOMAINS = (
    "uuid",
    "int8",
    "int4",
    "text",
    "numeric",
    "jsonb",
    "bytea",
    "timestamptz",
    "transaction_type",
    "credit_source",
    "transaction_result",
    "refund_result",
    "stored_request",
)


def _words() -> list[str]:
    text = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("procedures", "views")
        for file in (ROOT / folder).rglob("*.sql")
    )
    return sorted({*re.findall(r"\b[a-z_]\w+(?=\()", text), "now"})


def _table_names(conn: psycopg.Connection[Any]) -> list[str]:
    found = conn.execute(
        "select relname as name from pg_class"
        " where relnamespace = 'credits'::regnamespace and relkind = 'r' order by relname"
    )
    return [row.name for row in found.fetchall()]


def _bait(conn: psycopg.Connection[Any], schema: str, owner: str) -> None:
    """Tables like ours. Whoever writes to one runs its trigger."""
    for table in _table_names(conn):
        name = sql.Identifier(schema, table)
        conn.execute(
            sql.SQL("create table {} (like {})").format(name, sql.Identifier("credits", table))
        )
        conn.execute(
            sql.SQL(
                "create trigger bait before insert or update or delete on {}"
                " for each statement execute function {}()"
            ).format(name, sql.Identifier("lures", "trigger"))
        )
        conn.execute(sql.SQL("alter table {} owner to {}").format(name, sql.Identifier(owner)))


def build(conn: psycopg.Connection[Any], owner: str) -> int:
    """Make schemas `lures` and `shadows`, owned by a role; returns the number of shadows."""
    body = sql.Literal(f"begin raise exception '{SHADOWED}'; end")
    for schema in ("lures", "shadows"):
        conn.execute(
            sql.SQL("create schema {} authorization {}").format(
                sql.Identifier(schema), sql.Identifier(owner)
            )
        )
    conn.execute(
        sql.SQL("create function lures.trigger() returns trigger language plpgsql as {}").format(
            body
        )
    )
    _bait(conn, "shadows", owner)

    signatures = list(MORE_FUNCTIONS)
    for function in conn.execute(FUNCTIONS, (_words(),)).fetchall():
        result = ("setof " if function.is_set else "") + function.result
        signatures.append(f'"{function.name}"({function.arguments}) returns {result}')
    statements = [
        sql.SQL("create or replace function shadows.{} language plpgsql as {}").format(
            sql.SQL(_quoted(signature)), body
        )
        for signature in signatures
    ]
    types = "{" + TYPES + "}"
    for n, operator in enumerate(conn.execute(OPERATORS, {"types": types}).fetchall()):
        operands = [kind for kind in (operator.left_type, operator.right_type) if kind]
        name = f"shadows.operator_{n}"
        statements.append(
            sql.SQL("create function {}({}) returns {} language plpgsql as {}").format(
                sql.SQL(name), sql.SQL(", ".join(operands)), sql.SQL(operator.result), body
            )
        )
        left = f", leftarg = {operator.left_type}" if operator.left_type else ""
        statements.append(
            sql.SQL("create operator shadows.{} (function = {}{}, rightarg = {})").format(
                sql.SQL(operator.name),
                sql.SQL(name),
                sql.SQL(left),
                sql.SQL(operator.right_type),
            )
        )
    statements += [
        sql.SQL("create domain shadows.{} as pg_catalog.text check (false)").format(
            sql.Identifier(domain)
        )
        for domain in DOMAINS
    ]
    conn.execute(sql.SQL(";\n").join(statements))
    return len(signatures) + len(DOMAINS)


def build_temporary(conn: psycopg.Connection[Any]) -> None:
    """The same tables and types in the session's own temporary schema, as the role it plays."""
    conn.execute(
        "create function lures.temporary() returns trigger language plpgsql as"
        f" $$ begin raise exception '{SHADOWED}'; end $$"
    )
    for table in ("user_credits", "credit_lots", "credit_transactions", "settings", "plans"):
        conn.execute(
            f"create temporary table {table} (user_id uuid, lot_id uuid, balance bigint,"
            " remaining bigint, plan text)"
        )
        conn.execute(
            f"create trigger bait before insert or update or delete on pg_temp.{table}"
            " for each statement execute function lures.temporary()"
        )
    for domain in DOMAINS:
        conn.execute(
            sql.SQL("create domain pg_temp.{} as pg_catalog.text check (false)").format(
                sql.Identifier(domain)
            )
        )
    conn.execute(
        f"create function pg_temp.now() returns timestamptz language plpgsql as"
        f" $$ begin raise exception '{SHADOWED}'; end $$"
    )


def _quoted(signature: str) -> str:
    name, rest = signature.split("(", 1)
    return f'"{name.strip(chr(34))}"({rest}'
