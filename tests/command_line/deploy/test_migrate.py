"""``migrate``: files in, objects out, all or nothing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import A_TOTAL, ADD_ITEM, REFUSE_CHANGE, SIZES, Tree
from pgcredits import deploy
from pgcredits.deploy import DeployFailedError, DeployReport
from pgcredits.deploy.session import LOCK_TABLE
from pgcredits.errors import NewerDatabaseError, RefusedError
from pgcredits.sources import SourcesError
from support.races import Session

if TYPE_CHECKING:
    from support.databases import Database

OVERLOADS = """
select p.oid::regprocedure::text from pg_proc as p
where p.proname = 'add_item' order by 1
"""


def test_the_package_installs_into_an_empty_database(blank_database: Database) -> None:
    report = deploy.migrate(blank_database.dsn, share_roles=True)

    assert report.migrations
    assert "credits.deduct_user_credits" in report.applied
    assert report.remaining == ()
    assert deploy.check(blank_database.dsn, smoke=True).findings == ()


def test_a_second_deploy_changes_nothing(installed: Tree) -> None:
    def rows() -> list[object]:
        return installed.execute("select m.*, m.xmin::text from credits_deploy.manifest as m")

    before = rows()

    report = installed.migrate()

    assert (report.migrations, report.applied, report.dropped) == ((), (), ())
    assert rows() == before
    assert installed.value("select count(*) from credits_deploy.deployments") == 1


def test_the_manifest_names_each_file_with_its_hash(installed: Tree) -> None:
    rows = installed.execute("select m.file, m.source_sha256 from credits_deploy.manifest as m")

    recorded = {row.file: row.source_sha256 for row in rows if row.file}
    files = [p for p in installed.root.rglob("*.sql") if ".rollback" not in p.name]
    assert sorted(recorded) == sorted(p.relative_to(installed.root).as_posix() for p in files)
    for file in files:
        content = file.read_bytes()
        hashed = installed.value("select encode(sha256(%s::bytea), 'hex')", content)
        assert recorded[file.relative_to(installed.root).as_posix()] == hashed


def test_a_file_that_has_moved_is_recorded_where_it_is(installed: Tree) -> None:
    moved = ADD_ITEM.replace("/add_item", "/elsewhere/add_item")
    (installed.root / moved).parent.mkdir()
    (installed.root / ADD_ITEM).rename(installed.root / moved)

    assert installed.migrate().applied == ("credits.add_item",)
    recorded = installed.execute("select m.file from credits_deploy.manifest as m")
    assert moved in {row.file for row in recorded}
    assert ADD_ITEM not in {row.file for row in recorded}
    assert installed.migrate().applied == ()


def test_a_changed_function_is_replaced(installed: Tree) -> None:
    installed.edit(ADD_ITEM, "values (p_price)", "values (p_price + 1)")

    report = installed.migrate()

    assert report.applied == ("credits.add_item",)
    installed.execute("select credits.add_item(2)")
    assert installed.value("select i.price from credits.items as i") == 3


@pytest.mark.parametrize(
    ("old", "new", "identity"),
    [
        ("p_price numeric", "p_price numeric, p_extra text default ''", "numeric,text"),
        ("p_price numeric", "p_price bigint", "bigint"),
        ("p_price", "p_cost", "numeric"),
        ("returns bigint", "returns setof bigint", "numeric"),
    ],
)
def test_a_changed_signature_leaves_one_function(
    installed: Tree, old: str, new: str, identity: str
) -> None:
    installed.edit(ADD_ITEM, old, new)

    report = installed.migrate()

    assert report.applied == ("credits.add_item",)
    assert report.dropped == ()
    assert installed.execute(OVERLOADS) == [(f"credits.add_item({identity})",)]
    assert installed.found() == []
    assert installed.value(
        "select has_function_privilege('credits_app', p.oid, 'execute') from pg_proc as p"
        " where p.proname = 'add_item'"
    )


def test_a_file_that_names_argument_types_leaves_one_function_too(installed: Tree) -> None:
    text = """
    create or replace function credits.plain(int) returns int language sql return 1;
    revoke all on function credits.plain(int) from public;
    """
    installed.write("procedures/ledger/plain.sql", text)
    installed.migrate()
    installed.write("procedures/ledger/plain.sql", text.replace("(int)", "(bigint)"))

    installed.migrate()

    plain = "select p.oid::regprocedure::text from pg_proc as p where p.proname = 'plain'"
    assert installed.execute(plain) == [("credits.plain(bigint)",)]
    assert installed.found() == []


def test_a_file_that_is_gone_takes_its_object_with_it(installed: Tree) -> None:
    installed.remove(ADD_ITEM)
    installed.remove(A_TOTAL)
    installed.remove(REFUSE_CHANGE)

    report = installed.migrate()

    gone = ("credits.add_item", "credits_internal.refuse_change", "credits_monitoring.a_total")
    assert report.dropped == gone
    assert report.applied == ()
    assert installed.found() == []
    assert installed.execute("select t.tgname from pg_trigger as t where not t.tgisinternal") == []


def test_a_file_that_moved_to_another_folder_is_the_same_object(installed: Tree) -> None:
    sql = (installed.root / ADD_ITEM).read_text()
    installed.remove(ADD_ITEM)
    installed.write("procedures/maintenance/add_item.sql", sql)

    report = installed.migrate()

    assert report.dropped == ()
    assert installed.found() == []


def test_a_trigger_that_left_its_file_is_dropped(installed: Tree) -> None:
    installed.edit(REFUSE_CHANGE, "items_never_change", "items_stay")

    installed.migrate()

    triggers = installed.execute(
        "select t.tgname, t.tgenabled from pg_trigger as t where not t.tgisinternal"
    )
    assert triggers == [("items_stay", "A")]
    assert installed.found() == []


def test_a_comment_that_left_its_file_is_gone(installed: Tree) -> None:
    installed.edit(
        A_TOTAL, "comment on column credits_monitoring.a_total.items is 'How many.';", ""
    )
    installed.edit(
        ADD_ITEM, "comment on function credits.add_item is 'Add an item; 5 % more each year.';", ""
    )

    installed.migrate()

    assert (
        installed.value("select col_description('credits_monitoring.a_total'::regclass, 1)") is None
    )
    assert installed.value("select obj_description('credits.add_item'::regproc, 'pg_proc')") is None


def test_a_grant_that_left_its_file_is_gone(installed: Tree) -> None:
    installed.edit(ADD_ITEM, "to credits_app;", "to credits_operator;")

    installed.migrate()

    holders = installed.execute(
        "select x.grantee::regrole::text from pg_proc as p, aclexplode(p.proacl) as x"
        " where p.proname = 'add_item' and x.grantee <> p.proowner"
    )
    assert holders == [("credits_operator",)]


def test_default_privileges_open_nothing(tree: Tree, stranger: str) -> None:
    tree.execute(f"alter default privileges grant execute on functions to {stranger}")
    if not tree.execute("select r.oid from pg_roles as r where r.rolname = 'credits_operator'"):
        tree.execute("create role credits_operator")
    tree.execute("alter default privileges grant execute on functions to credits_operator")
    tree.execute(f"alter default privileges grant all on tables to {stranger}")
    tree.execute(f"alter default privileges grant all on types to {stranger}")
    tree.execute(f"alter default privileges grant all on schemas to {stranger}")

    tree.migrate()

    assert tree.found() == []
    granted = tree.execute(
        "select m.identity, m.state ->> 'grants' as grants from credits_deploy.manifest as m"
        " where m.state ->> 'grants' <> '[]'"
    )
    assert dict(granted) == {
        "credits": '["usage to credits_app"]',
        "credits_monitoring": '["usage to credits_analyst"]',
        "credits.items": '["insert to credits_operator"]',
        "credits.add_item(numeric)": '["execute to credits_app"]',
        "credits_monitoring.sizes": '["select to credits_analyst"]',
        "credits_monitoring.a_total": '["select to credits_analyst"]',
        "credits.item_result": '["usage to public"]',
        "credits.size": '["usage to public"]',
    }
    assert tree.check().kept_grants == ()


def test_an_error_names_file_and_line_and_leaves_nothing(tree: Tree) -> None:
    tree.write("views/usage/broken.sql", "\n\nselect 1;\nselect no_such_column;\n")

    with pytest.raises(DeployFailedError, match=r"views/usage/broken\.sql, line 4: .*no_such"):
        tree.migrate()

    assert [kind for kind, _ in tree.found()] == ["not_installed"]


def test_an_error_leaves_the_old_state(installed: Tree) -> None:
    installed.add_migration("0003-more", "create table credits.more (x int);")
    installed.edit(SIZES, "credits.items as i", "credits.nothing as i")

    with pytest.raises(DeployFailedError, match=r"sizes\.sql, line \d+: .*nothing"):
        installed.migrate()

    assert installed.value("select to_regclass('credits.more')") is None
    installed.edit(SIZES, "credits.nothing as i", "credits.items as i")
    assert installed.found() == [("pending", "0003-more")]


def test_a_file_must_make_what_its_name_says(tree: Tree) -> None:
    tree.edit(ADD_ITEM, "credits.add_item", "credits.add_items")

    with pytest.raises(DeployFailedError, match=r"add_item\.sql does not make credits\.add_item"):
        tree.migrate()


def test_a_file_cannot_end_the_transaction(tree: Tree) -> None:
    tree.write("views/usage/more.sql", "create view credits_monitoring.more as select 1;\nCOMMIT ;")

    with pytest.raises(SourcesError, match=r"more\.sql ends the deploy's transaction"):
        tree.migrate()


def test_a_deploy_does_not_depend_on_the_sessions_settings(tree: Tree) -> None:
    tree.add_migration("0003-slow", "select pg_sleep(2);")
    hostile = tree.connecting(
        options="-c search_path=credits -c timezone=Asia/Tokyo -c statement_timeout=1000"
        " -c default_transaction_read_only=on -c quote_all_identifiers=on"
        " -c default_transaction_isolation=serializable"
    )
    hostile.migrate()

    assert tree.found() == []
    assert hostile.found() == []


def test_a_deploy_does_not_depend_on_what_a_migration_sets(tree: Tree) -> None:
    tree.add_migration("0003-path", "set local search_path to credits; set time zone 'Asia/Tokyo';")

    tree.migrate()

    assert tree.found() == []


def test_the_sequence_of_an_identity_column_is_a_part_of_its_table(installed: Tree) -> None:
    kinds = installed.execute("select distinct m.kind from credits_deploy.manifest as m order by 1")

    assert [row.kind for row in kinds] == [
        "constraint",
        "function",
        "index",
        "migration",
        "schema",
        "table",
        "type",
        "view",
    ]


def test_an_object_in_the_way_is_refused_by_name(installed: Tree) -> None:
    installed.write(
        "procedures/ledger/helper.sql",
        "create or replace function credits.helper(int) returns int language sql return 1;",
    )
    installed.execute("create function credits.helper(text) returns int language sql return 2")

    with pytest.raises(RefusedError, match=r"credits\.helper\(text\) stands in the way"):
        installed.migrate()


def test_a_schema_of_somebody_elses_is_refused_by_name(tree: Tree) -> None:
    tree.execute("create schema credits")

    with pytest.raises(RefusedError, match="schema credits exists"):
        tree.migrate()


def test_a_newer_database_is_refused(installed: Tree) -> None:
    installed.execute("insert into credits_deploy.deployments (package_version) values ('99.0')")

    with pytest.raises(NewerDatabaseError, match=r"99\.0"):
        installed.migrate()
    with pytest.raises(NewerDatabaseError):
        installed.rollback()


def test_a_migration_from_the_future_is_refused(installed: Tree) -> None:
    installed.add_migration("0003-future")
    installed.migrate()
    installed.remove("migrations/0003-future.sql")
    installed.edit(ADD_ITEM, "5 %", "6 %")

    with pytest.raises(NewerDatabaseError, match="0003-future"):
        installed.migrate()
    assert installed.found() == [("newer", "0003-future")]


def test_objects_belong_to_the_first_deploys_user(installed: Tree, stranger: str) -> None:
    """A second deploy by another superuser makes no object that is not the owner's."""
    installed.execute(f"alter role {stranger} superuser login")
    other = installed.connecting(user=stranger)
    installed.add_migration("0003-more", "create table credits.more (x int);")
    installed.write(
        "procedures/ledger/more.sql",
        "create or replace function credits.more() returns int language sql return 1;",
    )

    other.migrate()

    owners = installed.execute(
        "select p.proowner = n.nspowner and c.relowner = n.nspowner"
        " from pg_proc as p, pg_class as c, pg_namespace as n"
        " where p.proname = 'more' and c.relname = 'more' and n.nspname = 'credits'"
    )
    assert owners == [(True,)]
    assert installed.found() == []


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_two_deploys_at_once_are_one(tree: Tree, isolation: str) -> None:
    level = isolation.replace(" ", "\\ ")
    deploying = tree.connecting(options=f"-c default_transaction_isolation={level}")
    reports: list[DeployReport] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            reports.append(deploying.migrate())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert sorted(len(report.migrations) for report in reports) == [0, 0, 0, 2]
    assert tree.value("select count(*) from credits_deploy.deployments") == 1
    assert tree.found() == []


def test_a_deploy_waits_for_traffic_without_stopping_it(installed: Tree) -> None:
    """A lock that is held makes the deploy step back, so that nobody queues behind it for long."""
    installed.edit(SIZES, "count(*)", "count(i.item_id)")
    reader = installed.database.connect(autocommit=False)
    reader.execute("select * from credits_monitoring.sizes")

    with pytest.raises(RefusedError, match="lock"):
        installed.migrate(wait=0)
    deploying = threading.Thread(target=installed.migrate)
    deploying.start()
    _wait_for_a_queue(installed.database)
    with Session(installed.database, options="-c statement_timeout=20s") as other:
        other.run("select * from credits_monitoring.sizes")
    assert deploying.is_alive()
    reader.rollback()
    deploying.join(60)

    assert installed.found() == []


def _wait_for_a_queue(database: Database) -> None:
    """Return when somebody waits for a lock on a relation."""
    deadline = time.monotonic() + 30
    with database.connect() as conn:
        query = "select l.pid from pg_locks as l where not l.granted and l.locktype = 'relation'"
        while not conn.execute(query).fetchall():
            assert time.monotonic() < deadline


def test_another_deploy_is_waited_for_or_named(installed: Tree) -> None:
    installed.edit(SIZES, "count(*)", "count(i.item_id)")
    other = installed.database.connect(autocommit=False)
    other.execute(f"lock table {LOCK_TABLE} in exclusive mode")

    with pytest.raises(RefusedError, match="another deploy is running"):
        installed.migrate(wait=0)
    other.rollback()
    assert installed.migrate(wait=0).applied == ("credits_monitoring.sizes",)
