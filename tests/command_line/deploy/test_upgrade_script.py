"""``sql --from``: what a script does about objects that cannot be replaced in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import (
    A_TOTAL,
    ADD_ITEM,
    REFUSE_CHANGE,
    SIZES,
    Tree,
    dump_schema,
    run_script,
)
from pgcredits.deploy import upgrade_script

if TYPE_CHECKING:
    from command_line.deploy.tree import Cluster
    from support.databases import Template

MANIFEST = """
select m.kind, m.identity, m.name, m.file, m.source_sha256, m.state, m.fingerprint
from credits_deploy.manifest as m
order by m.kind, m.identity
"""


@pytest.fixture(autouse=True)
def a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small package is released, as version 1."""
    monkeypatch.setitem(upgrade_script.RELEASED, "1", "0002-tables")


@pytest.fixture
def twin(installed: Tree, template_of_tree: Template) -> object:
    """A second database in which the small package is installed."""
    with template_of_tree.clone(verify=False) as database:
        yield Tree(installed.root, database)


def test_the_script_replaces_drops_and_keeps_what_migrate_does(
    installed: Tree, twin: Tree, stranger: str
) -> None:
    for tree in (installed, twin):
        tree.execute(f"grant select on credits_monitoring.a_total to {stranger}")
        tree.execute(f"grant select (items) on credits_monitoring.sizes to {stranger}")
        tree.execute(f"alter default privileges grant all on tables to {stranger}")
        tree.execute("create table credits.extra (x int)")
        tree.execute("grant update on credits.items to credits_app")
        tree.execute("alter table credits.items disable trigger items_never_change")
    tree.add_migration("0003-more", "create table credits.more (x int);")
    # Another argument, another role that may call it, no comment.
    tree.edit(ADD_ITEM, "p_price numeric", "p_price numeric, p_unused integer default null")
    tree.edit(ADD_ITEM, "to credits_app", "to credits_operator")
    # A column less, so that the view that reads it must be dropped, too.
    tree.edit(SIZES, "    i.size,\n", "    1 as one,\n")
    tree.edit(SIZES, "group by i.size", "group by 1")
    tree.write(
        "views/usage/new.sql", "create or replace view credits_monitoring.new as select 1 as one;"
    )
    tree.edit(
        REFUSE_CHANGE,
        "before update or delete on credits.items",
        "before delete on credits.items",
    )

    run_script(installed.dsn, installed.script(from_version="1"))

    twin.migrate()
    # migrate takes back grants on tables that nobody recorded; a script leaves that to it.
    assert installed.found() == [("drift", "credits.items"), ("unmanaged", "credits.extra")]
    installed.execute("revoke update on credits.items from credits_app")
    assert installed.execute(MANIFEST) == twin.execute(MANIFEST)
    assert sorted(dump_schema(installed.dsn)) == sorted(dump_schema(twin.dsn))
    assert installed.check() == twin.check()
    assert [grant for grant in installed.check().kept_grants if stranger in grant] != []


def test_what_has_no_file_any_more_is_dropped(installed: Tree) -> None:
    installed.remove(A_TOTAL)
    installed.remove(ADD_ITEM)

    run_script(installed.dsn, installed.script(from_version="1"))

    assert installed.found() == []
    assert installed.value("select to_regproc('credits.add_item') is null")


def test_a_view_of_somebody_elses_stops_the_script_with_its_name(installed: Tree) -> None:
    installed.execute("create view public.mine as select * from credits_monitoring.sizes")
    before = dump_schema(installed.dsn)
    installed.edit(SIZES, "    i.size,\n", "    1 as one,\n")
    installed.edit(SIZES, "group by i.size", "group by 1")

    with pytest.raises(
        AssertionError, match=r"view public\.mine is not pgcredits', and needs view"
    ):
        run_script(installed.dsn, installed.script(from_version="1"))

    assert dump_schema(installed.dsn) == before


def test_a_member_of_the_owner_runs_it_and_a_stranger_is_refused(
    installed: Tree, stranger: str
) -> None:
    installed.execute(f"alter role {stranger} login")
    other = installed.connecting(user=stranger)

    with pytest.raises(AssertionError, match="this installation belongs to"):
        run_script(other.dsn, installed.script(from_version="1"))


def test_nothing_of_the_script_stays_in_the_session(installed: Tree) -> None:
    text = installed.script(from_version="1")
    left = "select p.proname from pg_proc as p where p.pronamespace = pg_my_temp_schema()"

    assert installed.execute(text + left) == []


def test_roles_with_a_prefix_keep_it(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    tree.migrate(role_prefix="staging_")
    tree.edit(ADD_ITEM, "5 %", "6 %")

    with pytest.raises(AssertionError, match="have another prefix"):
        run_script(tree.dsn, tree.script(from_version="1"))
    run_script(tree.dsn, tree.script(from_version="1", role_prefix="staging_"))

    assert tree.found() == []
    assert tree.migrate().applied == ()
