from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from command_line.adopt import systems
from pgcredits.adopt.cleanup.cleaning import Named, clean_fully, clean_safely, look
from pgcredits.adopt.errors import AdoptionError, PlanError
from support.races import Session

if TYPE_CHECKING:
    from support.databases import Database

Conn = psycopg.Connection[Any]

UNUSED = {
    "public.api_providers",
    "public.credit_alerts",
    "public.credit_pools",
    "public.credit_purchase_requests",
    "public.daily_usage_summary",
    "public.platform_credits",
}
FUNCTION = "public.consume_platform_credits"
NAMED = Named.of([*sorted(UNUSED), FUNCTION])
OLD = Named.of(['"Old One".credit_pools', "Old One.consume_platform_credits"])


def dump(conn: Conn, named: Named) -> str:
    """The copy that would be written."""
    copies: list[str] = []
    with conn.transaction(force_rollback=True):
        clean_fully(conn, named, copies.append)
    return copies[0]


def kept(conn: Conn, *names: str, read: tuple[str, ...] = ()) -> dict[str, str]:
    """Why each of these stays."""
    return {one.name: one.because for one in look(conn, Named.of(names, read)).kept}


def tables(conn: Conn) -> set[str]:
    return {
        f"public.{row.tablename}"
        for row in conn.execute("select tablename from pg_tables where schemaname = 'public'")
    }


def functions(conn: Conn) -> set[str]:
    return {
        row.proname
        for row in conn.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        )
    }


def test_it_shows_what_could_go(conn: Conn) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    before = tables(conn)

    found = look(conn, NAMED)

    assert set(found.tables) == UNUSED
    assert found.functions == [
        "public.consume_platform_credits(character varying, integer, numeric)"
    ]
    assert found.empty_rows == {"public.credit_pools": 2}
    assert tables(conn) == before


def test_the_safe_part_deletes_rows_that_hold_nothing(conn: Conn) -> None:
    """ORIGIN's quick cleanup; a pool with money in it stays."""
    systems.load(conn, "photo_platform", dirty=True)
    contents = "select to_jsonb(t) as row from public.credit_pools as t order by 1"
    before = conn.execute(contents.encode()).fetchall()
    copies: list[str] = []

    assert clean_safely(conn, NAMED, copies.append) == 2

    found = conn.execute("select provider from public.credit_pools").fetchall()
    assert [row.provider for row in found] == ["manual"]
    assert tables(conn) > UNUSED
    assert clean_safely(conn, NAMED, copies.append) == 0
    conn.execute(copies[0].encode())
    assert conn.execute(contents.encode()).fetchall() == before


def test_the_full_part_drops_them_and_nothing_else(conn: Conn) -> None:
    """ORIGIN's full cleanup."""
    systems.load(conn, "photo_platform", dirty=True)
    before, could = tables(conn), functions(conn)
    copies: list[str] = []
    copy = dump(conn, NAMED)

    clean_fully(conn, NAMED, copies.append)

    assert copies == [copy]
    assert before - tables(conn) == UNUSED
    assert could - functions(conn) == {"consume_platform_credits"}
    assert look(conn, NAMED).leftovers == ()


@pytest.mark.parametrize(
    "dependant",
    [
        "create view other.pools as select * from public.credit_pools",
        "create table other.orders (pool_id uuid references public.credit_pools (id))",
    ],
)
def test_what_something_else_needs_stays(conn: Conn, dependant: str) -> None:
    """A table stays even if what needs it is in a schema that was not searched."""
    systems.load(conn, "photo_platform", dirty=True)
    conn.execute("create schema other")
    conn.execute(dependant.encode())

    clean_fully(conn, NAMED, lambda _: None)

    assert UNUSED & tables(conn) == {"public.credit_pools"}
    # The function calls no other, and the table that it writes is still there.
    assert "consume_platform_credits" not in functions(conn)


def test_what_leans_on_it_otherwise_stops_it(conn: Conn) -> None:
    """Nothing is dropped with CASCADE."""
    systems.load(conn, "photo_platform", dirty=True)
    conn.execute("create schema other")
    conn.execute("create table other.copies (pool public.credit_pools)")
    before = tables(conn)
    copies: list[str] = []

    with pytest.raises(AdoptionError, match=r"other\.copies"):
        clean_fully(conn, NAMED, copies.append)

    assert copies == []
    assert tables(conn) == before
    assert "consume_platform_credits" in functions(conn)


@pytest.mark.parametrize("rule", ["cascade", "set null", "set default"])
def test_the_safe_part_reaches_no_other_table(conn: Conn, rule: str) -> None:
    conn.execute(
        "create table credit_pools (id int primary key, balance int);"
        "create table credit_purchase_requests (id int primary key, credits_requested int,"
        f" pool_id int references credit_pools on delete {rule});"
        "insert into credit_pools values (1, 0);"
        "insert into credit_purchase_requests values (1, 500, 1)".encode()
    )

    assert clean_safely(conn, NAMED, lambda _: None) == 0


def test_rows_without_an_amount_are_not_empty(conn: Conn) -> None:
    conn.execute("create table api_providers (id int primary key, api_key text, retries int)")
    conn.execute("insert into api_providers values (1, 'sk-1', 0), (2, 'sk-2', null)")

    assert clean_safely(conn, NAMED, lambda _: None) == 0


VALUES = """
create schema kinds;
create type kinds.pair as (a int, b text);
create domain kinds.odd as int check (value % 2 = 1);
set search_path = kinds, public;
create table public.credit_pools (
    id int generated by default as identity (start 100 increment 5 maxvalue 900 cycle) primary key,
    t text collate "C", j jsonb not null, j2 json, arr int[], b bytea, n numeric, f float8,
    words text[], at timestamptz, took interval, r int4range, c char(3), x bit(3), p pair, o odd,
    m money, d date, "odd "" name, %s" int default 3
);
insert into public.credit_pools values
(
    7, E'a\\nb\\\\c''d %s :x', 'null', '{"a" :  1,"a":2}', '[5:6]={1,2}', '\\x0001ff', 'NaN',
    '-Infinity', array[null, 'a"b', E'\\\\', 'NULL'], 'infinity', '1 year -3 days', '[1,5)', 'ab',
    '101', row(1, 'x, "y"'), 5, '12.34', '0044-03-15 BC'
);
insert into public.credit_pools (j, f) values ('{"a":null}', 0.1 + 0.2);
alter table public.credit_pools force row level security;
"""


def test_every_kind_of_value_is_made_again(conn: Conn) -> None:
    """Values survive whatever the settings of the session that makes or runs the copy."""
    conn.execute(VALUES.encode())
    contents = "select row(t.*)::text as row from public.credit_pools as t order by t.id"
    before = conn.execute(contents.encode()).fetchall()
    conn.execute("set datestyle = 'German'; set intervalstyle = 'iso_8601'")
    copies: list[str] = []

    clean_fully(conn, NAMED, copies.append)
    conn.execute("set datestyle = 'SQL, MDY'; set search_path = ''")
    conn.execute(copies[0].encode())

    conn.execute("reset datestyle; reset intervalstyle")
    assert conn.execute(contents.encode()).fetchall() == before
    assert dump(conn, NAMED) == copies[0]
    (row,) = conn.execute(
        "select attcollation::regcollation::text as collation, relforcerowsecurity as forced,"
        " seqcycle as cycles from pg_attribute inner join pg_class as c on attrelid = c.oid"
        " cross join pg_sequence"
        " where c.oid = 'public.credit_pools'::regclass and attname = 't'"
        " and seqrelid = 'public.credit_pools_id_seq'::regclass"
    ).fetchall()
    assert row == ('"C"', True, True)
    (new,) = conn.execute(
        "insert into public.credit_pools (j) values ('1') returning id"
    ).fetchall()
    assert new.id == 105


def test_references_may_lean_on_an_index(conn: Conn) -> None:
    conn.execute(
        "create table credit_pools (id int primary key, code text not null);"
        "create unique index by_code on credit_pools (code);"
        "create table credit_purchase_requests (code text references credit_pools (code))"
    )
    copies: list[str] = []

    clean_fully(conn, NAMED, copies.append)
    conn.execute(copies[0].encode())

    assert dump(conn, NAMED) == copies[0]


def test_tables_that_refer_to_each_other_go_together(conn: Conn) -> None:
    """The copy makes them again, even in a session with other settings for texts."""
    conn.execute(
        "create type mood as enum ('a', 'b''c');"
        "create table credit_pools (id int primary key, parent int references credit_pools,"
        " mood mood default 'b''c', note text, days int, balance int check (balance >= 0));"
        "create table platform_credits (id int primary key, pool int references credit_pools"
        " on delete cascade);"
        "alter table credit_pools add foreign key (days) references platform_credits"
        " deferrable initially deferred;"
        "begin; insert into credit_pools values (1, 2, 'a', E'x\\y', 1, 0),"
        " (2, null, default, null, null, 3); insert into platform_credits values (1, 1); commit;"
        "create function consume_platform_credits(a int default 5, variadic b int[] default '{}')"
        " returns int language sql begin atomic update credit_pools set balance = balance - a;"
        " select 1; end"
    )
    copy = dump(conn, NAMED)
    copies: list[str] = []

    clean_fully(conn, NAMED, copies.append)
    conn.execute("set search_path = ''; set standard_conforming_strings = off")
    conn.execute(copies[0].encode())

    conn.execute("reset all")
    assert dump(conn, NAMED) == copy


def test_rows_that_a_policy_hides_are_not_lost(conn: Conn, stranger: str) -> None:
    conn.execute(
        "create table credit_pools (id int primary key, tenant text, balance int);"
        "insert into credit_pools values (1, 'a', 5), (2, 'b', 7);"
        "alter table credit_pools enable row level security;"
        "alter table credit_pools force row level security;"
        "create policy one on credit_pools using (tenant = 'a')"
    )
    conn.execute(f"alter table credit_pools owner to {stranger}".encode())
    conn.execute(f"grant create on schema public to {stranger}".encode())
    conn.execute(f"set role {stranger}".encode())

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        clean_fully(conn, NAMED, lambda _: None)

    conn.execute("reset role")
    assert "public.credit_pools" in tables(conn)


def test_procedures_go_too(conn: Conn) -> None:
    conn.execute("create procedure consume_platform_credits(p text) language sql as $$ select 1 $$")
    copies: list[str] = []

    clean_fully(conn, NAMED, copies.append)
    assert "consume_platform_credits" not in functions(conn)
    conn.execute(copies[0].encode())

    assert "consume_platform_credits" in functions(conn)


def test_what_went_can_be_made_again(conn: Conn, blank_database: Database) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    conn.execute(
        "insert into public.credit_purchase_requests (pool_id, credits_requested, status)"
        " select id, 5, 'it''s \"new\" \\ ' || chr(10) from public.credit_pools"
    )
    conn.execute("create index by_provider on public.credit_pools (provider)")
    conn.execute("create table public.credit_alerts_log (n int)")
    contents = "select to_jsonb(t) as row from public.{} as t order by 1"
    names = ("credit_pools", "credit_purchase_requests")
    before = {name: conn.execute(contents.format(name).encode()).fetchall() for name in names}
    copy = dump(conn, NAMED)

    with blank_database.connect() as other:
        other.execute(copy.encode())

        assert tables(other) == UNUSED
        assert functions(other) == {"consume_platform_credits"}
        for name in names:
            assert other.execute(contents.format(name).encode()).fetchall() == before[name]
        assert dump(other, NAMED) == copy


def test_names_that_need_quotes(conn: Conn, blank_database: Database) -> None:
    conn.execute('create schema "Old One"')
    conn.execute(
        'create table "Old One".credit_pools ('
        ' "Id" int generated always as identity primary key, "Balance %s" numeric default 0)'
    )
    conn.execute('insert into "Old One".credit_pools default values')
    conn.execute(
        'create function "Old One".consume_platform_credits("P One" text) returns text'
        " language sql as $$ select 'x' $$"
    )
    copies: list[str] = []

    clean_fully(conn, OLD, copies.append)
    (copy,) = copies
    conn.execute(copy.encode())

    assert look(conn, OLD).empty_rows == {"Old One.credit_pools": 1}


def test_what_cannot_be_copied_stays(conn: Conn) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    before = tables(conn)

    def full(_: str) -> None:
        raise OSError("no space left on device")

    for clean in (clean_safely, clean_fully):
        with pytest.raises(OSError, match="no space"):
            clean(conn, NAMED, full)

    assert tables(conn) == before
    assert look(conn, NAMED).empty_rows == {"public.credit_pools": 2}


def test_what_was_being_written_is_in_the_copy(conn: Conn, database: Database) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    copies: list[str] = []
    with Session(database) as writer, Session(database) as cleaner:
        writer.run("begin")
        writer.run("insert into public.credit_pools (provider) values ('just now')")
        cleaner.start_work(lambda mine: clean_fully(mine, NAMED, copies.append))
        assert cleaner.is_blocked(by=writer)
        writer.run("commit")
        cleaner.result()

    assert "just now" in copies[0]
    assert "public.credit_pools" not in tables(conn)


def test_sequences_generated_columns_and_triggers_are_made_again(conn: Conn) -> None:
    conn.execute("create table credit_pools (id serial primary key, n int, key_no bigserial)")
    conn.execute("alter table credit_pools add twice int generated always as (n * 2) stored")
    conn.execute("alter table credit_pools add again int generated always as identity")
    conn.execute("alter table credit_pools enable row level security")
    conn.execute(
        "create trigger same before update on credit_pools for each row"
        " execute function suppress_redundant_updates_trigger()"
    )
    conn.execute("insert into credit_pools (n) values (3), (4)")
    before = conn.execute("select * from credit_pools order by id").fetchall()
    copies: list[str] = []

    clean_fully(conn, NAMED, copies.append)
    conn.execute(copies[0].encode())

    assert conn.execute("select * from credit_pools order by id").fetchall() == before
    assert dump(conn, NAMED) == copies[0]
    (new,) = conn.execute("insert into credit_pools (n) values (5) returning *").fetchall()
    assert new == (3, 5, 3, 10, 3)
    (kept,) = conn.execute(
        "select c.relrowsecurity, t.tgname from pg_class as c"
        " inner join pg_trigger as t on c.oid = t.tgrelid where c.relname = 'credit_pools'"
    ).fetchall()
    assert kept == (True, "same")


def test_where_there_is_nothing(conn: Conn) -> None:
    systems.load(conn, "single_column", dirty=False)

    assert look(conn, NAMED).leftovers == ()
    assert clean_fully(conn, NAMED, lambda _: None).leftovers == ()


def test_it_looks_at_nothing_that_is_not_named(conn: Conn) -> None:
    """Not even at what one platform called so."""
    systems.load(conn, "photo_platform", dirty=True)

    found = look(conn, Named.of(["public.credit_alerts"]))
    clean_fully(conn, Named.of(["public.credit_alerts"]), lambda _: None)

    assert ([one.name for one in found.leftovers], found.kept) == (["public.credit_alerts"], ())
    assert UNUSED & tables(conn) == UNUSED - {"public.credit_alerts"}
    with pytest.raises(PlanError, match="nothing is named"):
        look(conn, Named.of([]))
    with pytest.raises(PlanError, match="credit_pools has no schema"):
        look(conn, Named.of(["credit_pools"]))


def test_it_says_what_it_keeps_and_why(conn: Conn) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    conn.execute("create table days (day date) partition by range (day)")
    conn.execute("create view pools as select * from credit_alerts")
    conn.execute(
        "insert into credits.imported_tables (source_table, role, read_as, changes_from, began_at)"
        " values ('public.refund_audit_log', 'refunds', 'x', '1', now())"
    )

    assert kept(
        conn,
        "public.credit_pools",
        "public.credit_alerts",
        "public.user_credits",
        "public.refund_audit_log",
        "public.days",
        "public.nothing",
        "public.auto_refund_on_failure",
        read=("public.user_credits",),
    ) == {
        "public.credit_pools": "function consume_platform_credits"
        "(character varying,integer,numeric) names it",
        "public.credit_alerts": "view pools names it",
        "public.user_credits": "the plan reads it",
        "public.refund_audit_log": "it was moved over, and is the way back",
        "public.days": "partitions, children and rules are not copied: drop it by hand",
        "public.nothing": "it is not there",
        "public.auto_refund_on_failure()": "a trigger on public.enhancement_tasks calls it",
    }
    # What needs it may be named, too.
    assert kept(conn, "public.credit_pools", FUNCTION) == {
        "public.credit_pools": "credit_purchase_requests refers to it"
    }


def test_names_are_those_of_the_database_however_they_are_quoted(conn: Conn) -> None:
    conn.execute('create schema "Größe"')
    conn.execute('create table "Größe"."Pool ""1""" (n int)')
    conn.execute('create function "Größe"."F"(text, int) returns int language sql as $$select 1$$')
    for table in ('"Größe"."Pool ""1"""', 'Größe.Pool "1"'):
        for function in ('"Größe"."F"', "Größe.F(text, integer)"):
            found = look(conn, Named.of([table, function]))
            assert (len(found.tables), len(found.functions), found.kept) == (1, 1, ())
