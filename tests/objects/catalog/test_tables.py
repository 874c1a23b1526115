from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from objects.catalog.objects import OURS

if TYPE_CHECKING:
    import psycopg

# What is about a user, and therefore could be spread over servers by user.
USER_DATA = (
    "user_credits",
    "credit_lots",
    "credit_transactions",
    "refund_totals",
    "revocations",
    "ledger_checks",
    "generations",
    "generation_events",
    "system_alerts",
    "waiting_alerts",
    "imported_balances",
    "imported_history",
    "external_users",
    "mirrored_tasks",
    "legacy_writes",
)

# Keyed by the provider's own ids: a callback names nothing else.
BY_PROVIDER = {"provider_tasks"}

# Where a sweep is, and nothing of the user's.
BY_TASK = {"sweep_positions"}

CONSTRAINTS = """
    select
        c.conname as name,
        c.contype as kind,
        t.relname as table,
        array(
            select a.attname::text
            from unnest(c.conkey) with ordinality as k (attnum, n)
            inner join pg_attribute as a on c.conrelid = a.attrelid and k.attnum = a.attnum
            order by k.n
        ) as columns,
        f.relname as target,
        pg_get_constraintdef(c.oid) as definition
    from pg_constraint as c
    inner join pg_class as t on c.conrelid = t.oid
    left join pg_class as f on c.confrelid = f.oid
    where t.relnamespace = 'credits'::regnamespace
    order by t.relname, c.conname
"""

INDEXES = """
    select
        i.indexrelid::regclass::text as name,
        c.relname as index,
        t.relname as table,
        i.indisunique as is_unique,
        a.amname as method,
        pg_get_indexdef(i.indexrelid) as definition,
        array(
            select b.attname::text
            from unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
            inner join pg_attribute as b on i.indrelid = b.attrelid and k.attnum = b.attnum
            order by k.n
        ) as columns
    from pg_index as i
    inner join pg_class as c on i.indexrelid = c.oid
    inner join pg_class as t on i.indrelid = t.oid
    inner join pg_am as a on c.relam = a.oid
    where t.relnamespace = 'credits'::regnamespace
    order by c.relname
"""

COLUMNS = """
    select
        t.relname as table,
        a.attname as name,
        format_type(a.atttypid, a.atttypmod) as type,
        a.attnotnull as is_not_null
    from pg_attribute as a
    inner join pg_class as t on a.attrelid = t.oid
    where
        t.relnamespace = 'credits'::regnamespace
        and t.relkind in ('r', 'p')
        and a.attnum > 0
        and not a.attisdropped
"""


def test_constraints_and_indexes_say_whose_they_are(conn: psycopg.Connection[Any]) -> None:
    constraints = conn.execute(CONSTRAINTS).fetchall()
    indexes = conn.execute(INDEXES).fetchall()
    assert len(constraints) > 25

    assert [c.name for c in constraints if not c.name.startswith(f"{c.table}_")] == []
    assert [i.index for i in indexes if not i.index.startswith(f"{i.table}_")] == []
    # And what they hold: not the word that PostgreSQL makes up.
    for c in constraints:
        if c.kind in ("c", "f", "u"):
            assert c.name != f"{c.table}_{'_'.join(c.columns)}_key"
            assert not re.search(r"_(check|fkey)\d*$", c.name), c.name


def test_a_check_holds_one_fact(conn: psycopg.Connection[Any]) -> None:
    checks = [c for c in conn.execute(CONSTRAINTS).fetchall() if c.kind == "c"]

    assert [
        c.name
        for c in checks
        if " AND " in c.definition
        # `between` is printed as two comparisons.
        and not ("range" in c.name or "within" in c.name)
    ] == []


def test_the_hot_tables_have_few_checks(conn: psycopg.Connection[Any]) -> None:
    checks: dict[str, int] = {}
    for c in conn.execute(CONSTRAINTS).fetchall():
        if c.kind == "c":
            checks[c.table] = checks.get(c.table, 0) + 1

    assert checks["user_credits"] <= 2
    assert checks["credit_lots"] <= 2
    assert checks["credit_transactions"] <= 2


@pytest.mark.parametrize("table", USER_DATA)
def test_user_data_can_be_spread_by_user(conn: psycopg.Connection[Any], table: str) -> None:
    constraints = [c for c in conn.execute(CONSTRAINTS).fetchall() if c.table == table]
    indexes = [i for i in conn.execute(INDEXES).fetchall() if i.table == table]

    (primary,) = [c for c in constraints if c.kind == "p"]
    assert primary.columns[0] == "user_id"
    assert [i.index for i in indexes if i.is_unique and "user_id" not in i.columns] == []
    # Configuration is the same everywhere; a key to other user data goes by the user, too.
    assert [
        c.name
        for c in constraints
        if c.kind == "f" and c.target in USER_DATA and "user_id" not in c.columns
    ] == []
    columns = {c.name: c for c in conn.execute(COLUMNS).fetchall() if c.table == table}
    assert columns["user_id"].is_not_null
    assert columns["user_id"].type == "uuid"


def test_there_are_no_sequences(conn: psycopg.Connection[Any]) -> None:
    found = conn.execute(
        f"select c.relname from pg_class as c where c.relnamespace::regnamespace::text in {OURS}"
        " and c.relkind = 'S'"
    ).fetchall()

    assert found == []


def test_every_table_with_a_user_is_known_here(conn: psycopg.Connection[Any]) -> None:
    with_user = {c.table for c in conn.execute(COLUMNS).fetchall() if c.name == "user_id"}

    assert with_user == {*USER_DATA, *BY_PROVIDER, *BY_TASK}


def test_columns_are_of_plain_types(conn: psycopg.Connection[Any]) -> None:
    columns = conn.execute(COLUMNS).fetchall()

    kinds = {c.type for c in columns}
    assert not [kind for kind in kinds if "without time zone" in kind or "varying" in kind]
    assert not {"json", "real", "double precision", "money", "serial"} & kinds
    dollars = {c.type for c in columns if c.name.endswith("_usd")}
    assert dollars == {"numeric(18,6)"}
    assert {
        c.type for c in columns if c.name in ("credits", "balance", "remaining", "granted")
    } == {"bigint"}


def test_the_ledger_has_the_indexes_of_the_contract_and_no_foreign_key(
    conn: psycopg.Connection[Any],
) -> None:
    indexes = {
        i.index: i for i in conn.execute(INDEXES).fetchall() if i.table == "credit_transactions"
    }
    keys = [
        c
        for c in conn.execute(CONSTRAINTS).fetchall()
        if c.kind == "f" and "credit_transactions" in (c.table, c.target)
    ]

    assert sorted((i.method, i.is_unique) for i in indexes.values()) == [
        ("brin", False),
        # Purchases by key, and refunds and revocations by what they reverse: a deduction writes
        # to neither.
        ("btree", False),
        ("btree", False),
        ("btree", True),
        ("btree", True),
    ]
    for index in ("credit_transactions_purchases", "credit_transactions_reversals"):
        assert " WHERE " in indexes[index].definition
    partial = indexes["credit_transactions_one_per_key"]
    assert partial.columns == ["user_id", "idempotency_key"]
    assert partial.definition.endswith("WHERE (idempotency_key IS NOT NULL)")
    assert keys == []


def test_no_foreign_key_leaves_our_schema(conn: psycopg.Connection[Any]) -> None:
    strangers = conn.execute(
        "select c.conname from pg_constraint as c"
        " inner join pg_class as t on t.oid = c.conrelid"
        " inner join pg_class as f on f.oid = c.confrelid"
        " where t.relnamespace = 'credits'::regnamespace and f.relnamespace <> t.relnamespace"
    ).fetchall()

    assert strangers == []


def test_no_index_is_on_what_every_call_changes(conn: psycopg.Connection[Any]) -> None:
    # Else no update would be in place (HOT).
    changing = {
        "user_credits": {
            "balance",
            "last_seq",
            "last_entry_at",
            "ledger_head",
            "current_lot_remaining",
            "updated_at",
        },
        "credit_lots": {"remaining"},
    }

    for table, columns in changing.items():
        for i in conn.execute(INDEXES).fetchall():
            if i.table == table:
                assert not columns & set(i.columns), i.index
                words = i.definition.partition("USING")[2]
                assert not [column for column in columns if f"{column} " in words], i.index
