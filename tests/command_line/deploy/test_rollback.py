"""``rollback``: everything out, nothing of anybody else's, and never a ledger by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from command_line.deploy.tree import ADD_ITEM, SIZES, Tree, dump_schema
from pgcredits import deploy
from pgcredits.errors import RefusedError
from support.api import call, new_user
from support.races import Session

if TYPE_CHECKING:
    from support.databases import Database

SCHEMAS = "select n.nspname from pg_namespace as n where n.nspname like 'credits%'"


def test_up_down_up_gives_the_same_database(blank_database: Database) -> None:
    empty = dump_schema(blank_database.dsn)
    up = deploy.migrate(blank_database.dsn, share_roles=True)
    first = dump_schema(blank_database.dsn)
    assert len(first) > len(empty)

    down = deploy.rollback(blank_database.dsn)
    assert down.migrations == tuple(reversed(up.migrations))
    assert dump_schema(blank_database.dsn) == empty

    deploy.migrate(blank_database.dsn, share_roles=True)
    assert dump_schema(blank_database.dsn) == first
    assert deploy.check(blank_database.dsn, smoke=True).findings == ()


def test_nothing_of_ours_stays_but_the_roles(installed: Tree) -> None:
    installed.rollback()

    assert installed.execute(SCHEMAS) == []
    roles = "select count(*) from pg_roles as r where r.rolname like 'credits\\_%'"
    assert installed.value(roles) >= 3
    assert installed.check().exit_status == 10


def test_a_rollback_of_nothing_does_nothing(tree: Tree) -> None:
    assert tree.rollback().migrations == ()


def test_a_ledger_with_rows_is_refused(database: Database) -> None:
    call(database.connect(), "grant_user_credits", new_user(), 5)

    with pytest.raises(RefusedError, match="ledger has rows"):
        deploy.rollback(database.dsn)

    assert deploy.check(database.dsn, smoke=True).findings == ()


def test_a_ledger_with_rows_goes_when_told_so(installed: Tree) -> None:
    installed.execute("insert into credits.items (price) values (1)")
    installed.execute("insert into credits.credit_transactions values (1)")
    with pytest.raises(RefusedError, match="ledger has rows"):
        installed.rollback()

    installed.rollback(destroy_data=True)

    assert installed.execute(SCHEMAS) == []


def test_a_row_written_at_the_same_moment_is_seen(installed: Tree) -> None:
    with Session(installed.database, autocommit=False) as writer:
        writer.run("insert into credits.items (price) values (1)")
        writer.run("insert into credits.credit_transactions values (1)")
        with pytest.raises(RefusedError, match="lock"):
            installed.rollback(wait=0)
        writer.run("commit")

    with pytest.raises(RefusedError, match="ledger has rows"):
        installed.rollback(wait=0)


def test_nobody_writes_a_row_once_the_ledger_was_found_empty(installed: Tree) -> None:
    refusals: list[str | None] = []

    def write(step: str) -> None:
        if step.startswith("drop view"):
            with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
                installed.execute(
                    "set lock_timeout = '10ms'; insert into credits.credit_transactions values (1)"
                )
            refusals.append(caught.value.sqlstate)

    installed.rollback(on_step=write)

    assert refusals == ["55P03", "55P03"]


def test_pending_migrations_are_not_rolled_back(installed: Tree) -> None:
    installed.add_migration(
        "0003-more", "create table credits.more (x int)", "drop table credits.more"
    )

    assert installed.rollback().migrations == ("0002-tables", "0001-schemas")


def test_what_files_no_longer_define_goes_as_well(installed: Tree) -> None:
    installed.edit(ADD_ITEM, "p_price numeric", "p_price bigint")
    installed.remove(SIZES)

    installed.rollback()

    assert installed.execute(SCHEMAS) == []


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("create view public.theirs as select * from credits_monitoring.sizes", "public.theirs"),
        ("create view public.theirs as select * from credits.items", "public.theirs"),
        ("create table credits.theirs (x int)", "credits.theirs"),
        ("create table credits_deploy.theirs (x int)", "credits_deploy.theirs"),
        ("create table public.theirs (x credits.size)", "public.theirs"),
    ],
)
def test_what_strangers_built_stops_a_rollback_by_name(
    installed: Tree, statement: str, name: str
) -> None:
    installed.execute(statement)
    before = dump_schema(installed.dsn)

    with pytest.raises(RefusedError, match=name):
        installed.rollback()

    assert dump_schema(installed.dsn) == before


def test_a_schema_that_rollback_files_forget_is_named(installed: Tree) -> None:
    installed.edit("migrations/0001-schemas.rollback.sql", "drop schema credits_internal;", "")

    with pytest.raises(RefusedError, match="left schema credits_internal"):
        installed.rollback()

    assert installed.found() == []
