"""L20: `security definer` without a pinned search_path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import new_user, refused
from support.books import Books, books, deduct, entries, grant

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

OURS = ("credits", "credits_internal", "credits_monitoring", "credits_deploy")


def test_l20_every_function_that_runs_with_its_owners_rights_pins_its_search_path(
    conn: psycopg.Connection[Any],
) -> None:
    definers: list[Any] = conn.execute(
        "select p.oid::regprocedure::text as name, p.proconfig"
        " from pg_proc as p inner join pg_namespace as n on p.pronamespace = n.oid"
        " where p.prosecdef and n.nspname = any(%s)",
        (list(OURS),),
    ).fetchall()

    assert any("deduct_user_credits" in definer.name for definer in definers)
    unpinned = {
        definer.name: definer.proconfig
        for definer in definers
        if "search_path=pg_catalog, pg_temp" not in (definer.proconfig or [])
    }
    assert unpinned == {}


SHADOWS = """
create schema spender;
create table spender.user_credits (like credits.user_credits including defaults);
insert into spender.user_credits (user_id, balance, current_lot_remaining, created_at, updated_at)
values ('{user}', 1000000, 1000000, now(), now());
create function spender.clock_timestamp() returns timestamptz language sql
as $$ select timestamptz '2001-01-01 00:00+00' $$;
create function spender.yes(bigint, bigint) returns boolean language sql as $$ select true $$;
create function spender.no(bigint, bigint) returns boolean language sql as $$ select false $$;
create operator spender.> (function = spender.yes, leftarg = bigint, rightarg = bigint);
create operator spender.< (function = spender.no, leftarg = bigint, rightarg = bigint);
grant usage on schema spender to credits_app;
grant all on spender.user_credits to credits_app;
set search_path = spender, pg_catalog;
set role credits_app;
"""


def test_l20_what_stands_in_the_callers_search_path_is_not_used(database: Database) -> None:
    """A spender shadows the table, the clock and the comparisons that ours mention."""
    conn, spender = database.connect(), database.connect()
    user = new_user()
    spender.execute(SHADOWS.format(user=user))
    row: Any = spender.execute(
        "select 1::bigint < 2::bigint as less, clock_timestamp() as at, balance from user_credits"
    ).fetchone()
    assert (row.less, row.at.year, row.balance) == (False, 2001, 1_000_000)

    grant(spender, user, 10)
    assert deduct(spender, user, 4).balance == 6
    with refused("PT402", "insufficient_credits", balance=6, required=7):
        deduct(spender, user, 7)

    assert books(conn, user) == Books(
        balance=6,
        ledger=[("grant", 10, 10), ("deduction", -4, 6)],
        lots=[("goodwill", 10, 6)],
    )
    assert {row.created_at.year for row in entries(conn, user)}.isdisjoint({2001})
