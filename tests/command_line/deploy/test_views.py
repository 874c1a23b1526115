"""Views: replaced in place where PostgreSQL can, else made again; never at a stranger's expense."""

from __future__ import annotations

import pytest

from command_line.deploy.tree import A_TOTAL, REFUSE_CHANGE, SIZES, Tree
from pgcredits.errors import RefusedError
from pgcredits.sources import SourcesError

VIEW_OID = "select 'credits_monitoring.{}'::regclass::oid"


def test_a_view_is_replaced_in_place(installed: Tree) -> None:
    before = installed.value(VIEW_OID.format("sizes"))
    installed.edit(SIZES, "count(*) as items", "count(i.size) as items, min(i.price) as cheapest")

    report = installed.migrate()

    assert report.applied == ("credits_monitoring.sizes",)
    assert installed.value(VIEW_OID.format("sizes")) == before
    assert installed.found() == []


def test_a_view_whose_columns_changed_is_made_again_with_its_dependants(installed: Tree) -> None:
    installed.edit(SIZES, "i.size,", "i.size, min(i.price) as cheapest,")

    report = installed.migrate()

    assert report.applied == ("credits_monitoring.sizes", "credits_monitoring.a_total")
    assert report.dropped == ()
    assert installed.found() == []
    comment = "select col_description('credits_monitoring.a_total'::regclass, 1)"
    assert installed.value(comment) == "How many."
    assert installed.value(
        "select has_table_privilege('credits_analyst', 'credits_monitoring.a_total', 'select')"
    )


def test_a_dependant_may_move_away_in_the_same_deploy(installed: Tree) -> None:
    """The one below changes its columns, and the one on top reads something else from now on."""
    installed.edit(SIZES, "count(*) as items", "count(*)::text as items")
    installed.edit(
        A_TOTAL,
        "sum(s.items) as items from credits_monitoring.sizes as s",
        "count(*)::numeric as items from credits.items",
    )

    installed.migrate()

    assert installed.found() == []
    assert installed.value("select a.items from credits_monitoring.a_total as a") == 0


def test_a_view_and_what_it_read_may_go_together(installed: Tree) -> None:
    installed.remove(SIZES)
    installed.remove(A_TOTAL)

    report = installed.migrate()

    assert report.dropped == ("credits_monitoring.a_total", "credits_monitoring.sizes")
    assert installed.found() == []


def test_a_function_that_returns_a_views_rows_is_made_again_with_it(installed: Tree) -> None:
    installed.write(
        "procedures/ledger/list_sizes.sql",
        "create or replace function credits.list_sizes() returns setof credits_monitoring.sizes"
        " language sql as 'select s.* from credits_monitoring.sizes as s';"
        "revoke all on function credits.list_sizes from public;",
    )
    installed.migrate()
    installed.edit(SIZES, "i.size,", "i.size, min(i.price) as cheapest,")

    report = installed.migrate()

    assert sorted(report.applied) == [
        "credits.list_sizes",
        "credits_monitoring.a_total",
        "credits_monitoring.sizes",
    ]
    assert installed.found() == []


def test_a_strangers_view_survives_every_deploy_that_need_not_touch_ours(installed: Tree) -> None:
    installed.execute("create view public.theirs as select * from credits_monitoring.sizes")
    before = installed.value("select 'public.theirs'::regclass::oid")
    installed.edit(SIZES, "count(*) as items", "count(i.size) as items")
    installed.edit(A_TOTAL, "as items from", "as items, 1 as one from")
    installed.edit(REFUSE_CHANGE, "never change", "do not change")

    installed.migrate()

    assert installed.value("select 'public.theirs'::regclass::oid") == before
    assert installed.execute("select * from public.theirs") == []
    assert installed.found() == []


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        (
            "create view public.theirs as select * from credits_monitoring.sizes",
            "view public.theirs",
        ),
        (
            "create view public.theirs as select * from credits_monitoring.a_total",
            "view public.theirs",
        ),
        (
            "create view credits_monitoring.theirs as select * from credits_monitoring.sizes",
            "view credits_monitoring.theirs",
        ),
        (
            "create materialized view public.theirs as select * from credits_monitoring.sizes",
            "materialized view public.theirs",
        ),
        (
            "create function public.theirs() returns setof credits_monitoring.sizes"
            " language sql as 'select * from credits_monitoring.sizes'",
            r"function public.theirs\(\)",
        ),
        (
            "create table public.theirs (s credits_monitoring.sizes[])",
            "table public.theirs",
        ),
    ],
)
@pytest.mark.parametrize("change", ["columns", "gone"])
def test_what_strangers_built_on_ours_stops_a_deploy_that_must_touch_it(
    installed: Tree, theirs: str, name: str, change: str
) -> None:
    installed.execute(theirs)
    installed.add_migration("0003-more", "create table credits.more (x int);")
    if change == "columns":
        installed.edit(SIZES, "i.size,", "i.size, min(i.price) as cheapest,")
    else:
        installed.remove(SIZES)
        installed.remove(A_TOTAL)
    before = installed.execute("select m.* from credits_deploy.manifest as m order by 1, 2")

    with pytest.raises(RefusedError, match=name.split()[-1]):
        installed.migrate()

    after = installed.execute("select m.* from credits_deploy.manifest as m order by 1, 2")
    assert after == before
    assert installed.value("select to_regclass('credits.more')") is None


def test_strangers_grants_to_read_are_kept_and_listed(installed: Tree, stranger: str) -> None:
    installed.execute(f"grant select on credits_monitoring.sizes to {stranger}")
    installed.execute(f"grant select (items) on credits_monitoring.a_total to {stranger}")
    kept = {
        f"select on credits_monitoring.sizes to {stranger}",
        f"select (items) on credits_monitoring.a_total to {stranger}",
    }
    assert installed.found() == []
    assert set(installed.check().kept_grants) == kept
    installed.edit(SIZES, "i.size,", "i.size, min(i.price) as cheapest,")

    report = installed.migrate()

    assert set(report.kept_grants) == kept
    assert report.lost_grants == ()
    assert installed.found() == []


def test_strangers_grants_outlive_a_migration_that_drops_the_view(
    installed: Tree, stranger: str
) -> None:
    installed.execute(f"grant select on credits_monitoring.a_total to {stranger}")
    installed.add_migration("0003-wider", "drop view credits_monitoring.a_total;")

    report = installed.migrate()

    assert report.applied == ("credits_monitoring.a_total",)
    assert report.kept_grants == (f"select on credits_monitoring.a_total to {stranger}",)
    assert installed.found() == []


def test_a_grant_on_a_column_that_is_gone_is_reported_as_lost(
    installed: Tree, stranger: str
) -> None:
    installed.execute(f"grant select (items) on credits_monitoring.a_total to {stranger}")
    installed.edit(A_TOTAL, "as items from", "as amount from")
    installed.edit(A_TOTAL, "a_total.items", "a_total.amount")

    report = installed.migrate()

    assert report.lost_grants == (f"select (items) on credits_monitoring.a_total to {stranger}",)
    assert installed.found() == []


@pytest.mark.parametrize("grantee", ["public", "credits_app"])
def test_other_grants_on_views_are_drift_and_taken_back(installed: Tree, grantee: str) -> None:
    installed.execute(f"grant select on credits_monitoring.sizes to {grantee}")
    (finding,) = installed.check().findings
    assert str(finding.kind) == "drift"
    assert finding.detail == f"granted: select to {grantee}"

    installed.migrate()

    assert installed.found() == []


def test_a_stranger_may_read_and_nothing_else(installed: Tree, stranger: str) -> None:
    installed.execute(f"grant select, trigger on credits_monitoring.sizes to {stranger}")
    (finding,) = installed.check().findings
    assert finding.detail == f"granted: trigger to {stranger}"

    report = installed.migrate()

    assert report.kept_grants == (f"select on credits_monitoring.sizes to {stranger}",)
    assert installed.found() == []


def test_views_that_read_each_other_are_refused(tree: Tree) -> None:
    tree.edit(SIZES, "from credits.items as i", "from credits_monitoring.a_total as i")

    with pytest.raises(SourcesError, match="circle"):
        tree.migrate()
