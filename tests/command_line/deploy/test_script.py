"""``sql``: one plain script that leaves what ``migrate`` leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import A_TOTAL, Tree, dump_schema, run_script
from pgcredits import deploy

if TYPE_CHECKING:
    from support.databases import Database

MANIFEST = """
select
    m.kind, m.identity, m.name, m.file, m.source_sha256, m.state, m.fingerprint, m.server_major,
    m.package_version
from credits_deploy.manifest as m
order by m.kind, m.identity
"""
HISTORY = """
select h.migration_hash, h.migration_id from credits_deploy._yoyo_migration as h
order by h.applied_at_utc
"""


def test_the_package_installed_by_script_checks_and_works(blank_database: Database) -> None:
    run_script(blank_database.dsn, deploy.script(share_roles=True))

    assert deploy.check(blank_database.dsn, smoke=True).findings == ()
    report = deploy.migrate(blank_database.dsn)
    assert (report.migrations, report.applied) == ((), ())


def test_the_script_leaves_what_migrate_leaves(installed: Tree, tree: Tree) -> None:
    run_script(tree.dsn, tree.script())

    assert tree.execute(MANIFEST) == installed.execute(MANIFEST)
    assert tree.execute(HISTORY) == installed.execute(HISTORY)
    assert dump_schema(tree.dsn) == dump_schema(installed.dsn)


def test_migrate_goes_on_from_a_script(tree: Tree) -> None:
    run_script(tree.dsn, tree.script())
    tree.add_migration(
        "0003-more", "create table credits.more (x int);", "drop table credits.more;"
    )
    tree.edit(A_TOTAL, "sum(s.items)", "max(s.items)::numeric")

    report = tree.migrate()

    assert report.migrations == ("0003-more",)
    assert report.applied == ("credits_monitoring.a_total",)
    assert tree.found() == []
    tree.rollback()


def test_the_script_opens_nothing_to_strangers(tree: Tree, stranger: str) -> None:
    tree.execute(f"alter default privileges grant execute on functions to {stranger}")
    tree.execute(f"alter default privileges grant all on tables to {stranger} with grant option")

    run_script(tree.dsn, tree.script())

    assert tree.found() == []
    grants = (
        "select count(*) from credits_deploy.manifest as m where m.state::text like '%stranger%'"
    )
    assert tree.value(grants) == 0
    assert tree.check().kept_grants == ()


def test_the_script_can_leave_roles_alone(blank_database: Database, template: object) -> None:
    text = deploy.script(create_roles=False, share_roles=True)

    assert "pgcredits.create_roles to off" in text
    run_script(blank_database.dsn, text)
    assert deploy.check(blank_database.dsn).findings == ()


def test_a_script_refuses_what_is_installed(installed: Tree) -> None:
    before = dump_schema(installed.dsn)

    with pytest.raises(AssertionError, match="installed already"):
        run_script(installed.dsn, installed.script())

    assert dump_schema(installed.dsn) == before


def test_a_script_that_fails_leaves_nothing(tree: Tree) -> None:
    tree.edit(A_TOTAL, "sum(s.items)", "sum(s.nothing)")

    with pytest.raises(AssertionError, match="nothing does not exist"):
        run_script(tree.dsn, tree.script())

    assert [kind for kind, _ in tree.found()] == ["not_installed"]


def test_the_script_is_the_same_each_time(tree: Tree) -> None:
    assert tree.script() == tree.script()
