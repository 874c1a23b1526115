"""``check``: each thing that can be wrong, by name, with an exit status of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import A_TOTAL, ADD_ITEM, Tree
from pgcredits import deploy
from pgcredits.deploy import Kind
from pgcredits.errors import RefusedError

if TYPE_CHECKING:
    from support.databases import Database

ADD = "credits.add_item(numeric)"

#: What a hand does: the statement, and the finding's kind, object, name and words.
DRIFT = {
    "function body": (
        "create or replace function credits.add_item(p_price numeric) returns bigint"
        " language sql security definer set search_path = pg_catalog, pg_temp return 1",
        ("function", "credits.add_item", "another definition"),
    ),
    "function settings": (
        f"alter function {ADD} reset search_path",
        ("function", "credits.add_item", "another definition"),
    ),
    "function volatility": (
        f"alter function {ADD} stable",
        ("function", "credits.add_item", "another definition"),
    ),
    "function comment": (
        f"comment on function {ADD} is 'mine'",
        ("function", "credits.add_item", "another comment"),
    ),
    "extra EXECUTE": (
        f"grant execute on function {ADD} to public",
        ("function", "credits.add_item", "granted: execute to public"),
    ),
    "missing EXECUTE": (
        f"revoke execute on function {ADD} from credits_app",
        ("function", "credits.add_item", "revoked: execute to credits_app"),
    ),
    "EXECUTE to pass on": (
        f"grant execute on function {ADD} to credits_app with grant option",
        (
            "function",
            "credits.add_item",
            "granted: execute to credits_app with grant option; revoked: execute to credits_app",
        ),
    ),
    "disabled trigger": (
        "alter table credits.items disable trigger items_never_change",
        ("function", "credits_internal.refuse_change", "another triggers"),
    ),
    "trigger not enabled always": (
        "alter table credits.items enable trigger items_never_change",
        ("function", "credits_internal.refuse_change", "another triggers"),
    ),
    "dropped trigger": (
        "drop trigger items_never_change on credits.items",
        ("function", "credits_internal.refuse_change", "another triggers"),
    ),
    "extra trigger of our function": (
        "create trigger extra before insert on credits.items"
        " for each row execute function credits_internal.refuse_change()",
        ("function", "credits_internal.refuse_change", "another triggers"),
    ),
    "view query": (
        "create or replace view credits_monitoring.sizes as"
        " select i.size, 1::bigint as items from credits.items as i",
        ("view", "credits_monitoring.sizes", "another definition"),
    ),
    "view options": (
        "alter view credits_monitoring.sizes set (security_invoker = on)",
        ("view", "credits_monitoring.sizes", "another options"),
    ),
    "view column comment": (
        "comment on column credits_monitoring.sizes.size is 'mine'",
        ("view", "credits_monitoring.sizes", "another comment"),
    ),
    "grant to write a table": (
        "grant update on credits.items to credits_app",
        ("table", "credits.items", "granted: update to credits_app"),
    ),
    "grant to write a column": (
        "grant update (price) on credits.items to credits_app",
        ("table", "credits.items", "granted: update (price) to credits_app"),
    ),
    "missing grant on a table": (
        "revoke insert on credits.items from credits_operator",
        ("table", "credits.items", "revoked: insert to credits_operator"),
    ),
    "grant on a schema": (
        "grant create on schema credits to credits_app",
        ("schema", "credits", "granted: create to credits_app"),
    ),
}

#: What only a person can put right.
BEYOND_REPAIR = {
    "column default": (
        "alter table credits.items alter column size set default 'large'",
        ("drift", "table", "credits.items"),
    ),
    "column that may be null": (
        "alter table credits.items alter column price drop not null",
        ("drift", "table", "credits.items"),
    ),
    "extra column": (
        "alter table credits.items add column extra int",
        ("drift", "table", "credits.items"),
    ),
    "unlogged table": (
        "alter table credits.credit_transactions set unlogged",
        ("drift", "table", "credits.credit_transactions"),
    ),
    "row security": (
        "alter table credits.items enable row level security",
        ("drift", "table", "credits.items"),
    ),
    "fillfactor": (
        "alter table credits.items set (fillfactor = 50)",
        ("drift", "table", "credits.items"),
    ),
    "enum label": ("alter type credits.size add value 'huge'", ("drift", "type", "credits.size")),
    "dropped constraint": (
        "alter table credits.items drop constraint items_price_not_negative",
        ("missing", "constraint", "items_price_not_negative on credits.items"),
    ),
    "disabled foreign key": (
        "alter table credits.credit_transactions disable trigger all",
        (
            "drift",
            "constraint",
            "credit_transactions_item_exists on credits.credit_transactions",
        ),
    ),
    "dropped index": (
        "drop index credits.items_by_size",
        ("missing", "index", "credits.items_by_size"),
    ),
    "dropped table": (
        "drop table credits.credit_transactions",
        ("missing", "table", "credits.credit_transactions"),
    ),
}

UNMANAGED = {
    "function": (
        "create function credits.extra(int) returns int language sql return 1",
        "credits.extra(integer)",
    ),
    "overload": (
        "create function credits.add_item(int) returns int language sql return 1",
        "credits.add_item(integer)",
    ),
    "aggregate": (
        "create aggregate credits.extra(int) (sfunc = int4pl, stype = int)",
        "credits.extra(integer)",
    ),
    "view": ("create view credits_monitoring.extra as select 1", "credits_monitoring.extra"),
    "materialized view": (
        "create materialized view credits_monitoring.extra as select 1",
        "credits_monitoring.extra",
    ),
    "table": ("create table credits_internal.extra (x int)", "credits_internal.extra"),
    "table of the deployer": ("create table credits_deploy.extra (x int)", "credits_deploy.extra"),
    "sequence": ("create sequence credits.extra", "credits.extra"),
    "type": ("create type credits.extra as enum ('x')", "credits.extra"),
    "domain": ("create domain credits.extra as int", "credits.extra"),
    "operator": (
        "create operator credits.=== (leftarg = int, rightarg = int, function = int4eq)",
        "credits.===(integer,integer)",
    ),
    "statistics": (
        "create statistics credits.extra on size, price from credits.items",
        "credits.extra",
    ),
    "index": ("create index extra on credits.items (price)", "credits.extra"),
    "constraint": (
        "alter table credits.items add constraint extra check (price < 10)",
        "extra on credits.items",
    ),
    "trigger": (
        "create trigger extra before update on credits.items for each row"
        " execute function suppress_redundant_updates_trigger()",
        "extra on credits.items",
    ),
    "rule": (
        "create rule extra as on insert to credits.items do instead nothing",
        "extra on credits.items",
    ),
    "policy": ("create policy extra on credits.items using (true)", "extra on credits.items"),
}


def test_exit_statuses_are_documented_ones() -> None:
    assert {str(kind): kind.exit_status for kind in Kind} == {
        "not_installed": 10,
        "newer": 11,
        "smoke": 12,
        "edited_migration": 13,
        "missing": 14,
        "drift": 15,
        "unmanaged": 16,
        "pending": 17,
        "server_changed": 18,
    }


def test_a_blank_database_is_not_installed(tree: Tree) -> None:
    assert [kind for kind, _ in tree.found()] == ["not_installed"]
    assert tree.check().exit_status == 10


def test_check_is_content_after_a_deploy(installed: Tree) -> None:
    assert installed.found() == []
    assert installed.check().exit_status == 0


@pytest.mark.parametrize(("statement", "expected"), DRIFT.values(), ids=DRIFT.keys())
def test_drift_is_named_and_repaired(
    installed: Tree, statement: str, expected: tuple[str, str, str]
) -> None:
    before = states(installed)
    installed.execute(statement)

    report = installed.check()

    assert [(str(f.kind), f.object_kind, f.name, f.detail) for f in report.findings] == [
        ("drift", *expected)
    ]
    assert report.exit_status == 15
    assert states(installed) == before  # check recorded nothing

    repaired = installed.migrate()

    assert repaired.applied in ((expected[1],), (f"grants on {expected[1]}",))
    assert repaired.remaining == ()
    assert installed.found() == []
    assert states(installed) == before


def test_another_owner_is_named_and_repaired(installed: Tree, stranger: str) -> None:
    before = states(installed)
    installed.execute(f"grant create, usage on schema credits to {stranger}")
    installed.execute(f"alter function {ADD} owner to {stranger}")
    details = [f.detail for f in installed.check().findings]
    assert f"the owner is {stranger}" in " ".join(details)

    installed.migrate()

    assert installed.found() == []
    assert states(installed) == before


@pytest.mark.parametrize(
    ("statement", "expected"), BEYOND_REPAIR.values(), ids=BEYOND_REPAIR.keys()
)
def test_what_a_deploy_cannot_repair_stays_named(
    installed: Tree, statement: str, expected: tuple[str, str, str]
) -> None:
    installed.execute(statement)
    installed.add_migration("0003-more", "create table credits.more (x int);")

    for _ in range(2):
        report = installed.migrate()
        found = {(str(f.kind), f.object_kind, f.name) for f in report.remaining}
        assert expected in found
        assert installed.check().findings == report.remaining


def test_drift_that_a_migration_builds_on_is_named_this_once(installed: Tree) -> None:
    installed.execute("alter table credits.items alter column size set default 'large'")
    installed.add_migration("0003-more", "alter table credits.items add column more int;")

    report = installed.migrate()

    assert [(str(f.kind), f.name) for f in report.remaining] == [("drift", "credits.items")]
    assert installed.found() == []


@pytest.mark.parametrize(("statement", "name"), UNMANAGED.values(), ids=UNMANAGED.keys())
def test_an_object_of_somebody_elses_is_named_and_left(
    installed: Tree, statement: str, name: str
) -> None:
    installed.execute(statement)

    assert installed.found() == [("unmanaged", name)]
    assert installed.check().exit_status == 16
    installed.add_migration("0003-more", "create table credits.more (x int);")
    assert [f.name for f in installed.migrate().remaining] == [name]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("drop view credits_monitoring.a_total", "credits_monitoring.a_total"),
        (f"drop function {ADD}", "credits.add_item"),
        ("drop function credits_internal.refuse_change cascade", "credits_internal.refuse_change"),
    ],
)
def test_a_dropped_definition_is_missing_and_comes_back(
    installed: Tree, statement: str, name: str
) -> None:
    before = states(installed)
    installed.execute(statement)
    assert installed.found() == [("missing", name)]
    assert installed.check().exit_status == 14

    assert installed.migrate().applied == (name,)

    assert installed.found() == []
    assert states(installed) == before


def test_pending_files_are_named(installed: Tree) -> None:
    installed.add_migration("0003-more")
    installed.edit(ADD_ITEM, "5 %", "6 %")
    installed.remove(A_TOTAL)
    installed.write("views/usage/extra.sql", "create view credits_monitoring.extra as select 1;")

    assert installed.found() == [
        ("pending", "credits.add_item"),
        ("pending", "0003-more"),
        ("pending", "credits_monitoring.a_total"),
        ("pending", "credits_monitoring.extra"),
    ]
    assert installed.check().exit_status == 17


def test_an_edited_migration_is_named_and_refused(installed: Tree) -> None:
    installed.edit("migrations/0002-tables.sql", "100 %", "99 %")

    assert installed.found() == [("edited_migration", "0002-tables")]
    assert installed.check().exit_status == 13
    with pytest.raises(RefusedError, match="0002-tables was edited"):
        installed.migrate()


def test_the_gravest_finding_decides_the_exit_status(installed: Tree) -> None:
    installed.edit(ADD_ITEM, "5 %", "6 %")
    installed.execute("create table credits.extra (x int)")
    installed.execute("drop view credits_monitoring.a_total")

    assert [kind for kind, _ in installed.found()] == ["missing", "unmanaged", "pending"]
    assert installed.check().exit_status == 14


def test_another_server_major_is_named_and_recorded_anew(installed: Tree) -> None:
    """As pg_upgrade leaves it: definitions recorded in the words of another major."""
    major = installed.value("select current_setting('server_version_num')::int / 10000")
    before = states(installed)
    installed.execute(
        "update credits_deploy.manifest set server_major = 14,"
        " state = jsonb_set(state, '{definition}', '\"other words\"'), fingerprint = 'another'"
        " where state is not null"
    )
    installed.execute(f"alter function {ADD} stable")

    assert installed.found() == [("server_changed", f"PostgreSQL {major}")]
    assert installed.check().exit_status == 18

    report = installed.migrate()

    assert set(report.applied) >= {"credits.add_item", "credits_monitoring.sizes"}
    assert installed.found() == []
    assert states(installed) == before
    majors = "select distinct m.server_major from credits_deploy.manifest as m"
    assert installed.value(f"{majors} where m.state is not null") == major


def test_check_waits_for_a_deploy(installed: Tree) -> None:
    conn = installed.database.connect(autocommit=False)
    conn.execute(f"lock table {deploy.session.LOCK_TABLE} in exclusive mode")

    with pytest.raises(RefusedError, match="another deploy"):
        installed.check(wait=0)


def test_checks_do_not_wait_for_each_other(installed: Tree) -> None:
    conn = installed.database.connect(autocommit=False)
    conn.execute(f"lock table {deploy.session.LOCK_TABLE} in row share mode")

    assert installed.check(wait=0).findings == ()


def test_a_right_to_look_is_needed(installed: Tree, stranger: str) -> None:
    installed.execute(f"alter role {stranger} login")
    other = installed.connecting(user=stranger)

    with pytest.raises(RefusedError, match="right"):
        other.check()


def test_smoke_runs_the_money_functions_and_leaves_nothing(database: Database) -> None:
    assert deploy.check(database.dsn, smoke=True).findings == ()

    with database.connect() as conn:
        rows = conn.execute("select count(*) from credits.user_credits").fetchone()
    assert rows == (0,)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("drop function credits.refund_user_credits", "refund_user_credits"),
        ("alter table credits.credit_lots add check (remaining > 7)", "check"),
        ("alter table credits.generations add check (finished_at is null)", "check"),
        # The refund of the generation only: the one before was smaller.
        ("alter table credits.refund_totals add check (refunded < 5)", "its cancellation"),
        (
            "create or replace function credits_internal.clock() returns timestamptz"
            " language sql stable as 'select null::timestamptz'",
            "PostgreSQL says",
        ),
    ],
)
def test_smoke_says_what_does_not_work(database: Database, statement: str, words: str) -> None:
    with database.connect() as conn:
        conn.execute(statement.encode())

    report = deploy.check(database.dsn, smoke=True)

    smoke = [f for f in report.findings if f.kind is Kind.SMOKE]
    assert len(smoke) == 1
    assert words in smoke[0].detail
    assert report.exit_status == 12


def states(tree: Tree) -> list[object]:
    """What is recorded about the state of each object."""
    return tree.execute(
        "select m.kind, m.identity, m.state, m.fingerprint from credits_deploy.manifest as m"
        " order by m.kind, m.identity"
    )
