"""Two installations on one server: they share no role, unless somebody wants that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from command_line.adopt import systems
from command_line.deploy.tree import ADD_ITEM, dump_schema, run_program, run_script
from pgcredits import deploy
from pgcredits.errors import RefusedError
from pgcredits.roles import ROLES, Roles
from support.program import pgcredits

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.deploy.tree import Cluster, Tree

MANIFEST = """
select m.kind, m.identity, m.name, m.file, m.source_sha256, m.state, m.fingerprint
from credits_deploy.manifest as m
order by m.kind, m.identity
"""
USED = """
select distinct r.rolname
from pg_shdepend as s
inner join pg_roles as r on s.refobjid = r.oid and s.refclassid = 'pg_authid'::regclass
inner join pg_database as d on s.dbid = d.oid
where d.datname = current_database() and r.rolname ~ 'credits_'
order by 1
"""
ADD = "select credits.add_item(1)"


@pytest.fixture
def production(cluster: Cluster) -> Tree:
    """An installation, beside which there is a database `staging`; `web` is its application."""
    tree = cluster.tree("app")
    tree.migrate(share_roles=False)
    cluster.execute("create database staging")
    cluster.execute("create role web login; grant credits_app to web")
    return tree


@pytest.fixture
def staging(cluster: Cluster, production: Tree) -> Tree:
    """The database beside production's, which has nothing in it yet."""
    return cluster.tree("staging")


def may_call(tree: Tree, role: str) -> bool:
    """Whether a role that logs in can add an item there."""
    try:
        tree.connecting(user=role).execute(ADD)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_roles_of_another_database_are_refused_unless_that_is_wanted(staging: Tree) -> None:
    with pytest.raises(RefusedError, match=r"database of this server: app$") as caught:
        staging.migrate(share_roles=False)

    assert "--role-prefix" in caught.value.hint
    assert "--share-roles" in caught.value.hint
    assert [kind for kind, _ in staging.found()] == ["not_installed"]
    staging.migrate(share_roles=True)
    assert staging.found() == []
    # Once it is there, nothing is refused.
    assert staging.migrate(share_roles=False).applied == ()


def test_the_script_refuses_them_too(staging: Tree) -> None:
    with pytest.raises(AssertionError, match=r"database of this server: app\n.*--role-prefix"):
        run_script(staging.dsn, staging.script(share_roles=False))

    assert [kind for kind, _ in staging.found()] == ["not_installed"]
    run_script(staging.dsn, staging.script(share_roles=True))
    assert staging.found() == []


def test_with_a_prefix_neither_lets_the_others_application_in(
    cluster: Cluster, production: Tree, staging: Tree
) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)
    cluster.execute("create role trial login; grant staging_credits_app to trial")

    assert may_call(production, "web")
    assert not may_call(production, "trial")
    assert may_call(staging, "trial")
    assert not may_call(staging, "web")
    assert staging.execute(USED) == [(f"staging_{role}",) for role in sorted(ROLES)]
    assert production.execute(USED) == [(role,) for role in sorted(ROLES)]
    assert staging.check().findings == production.check().findings == ()
    assert staging.check().warnings == production.check().warnings == ()


def test_an_older_system_is_moved_for_the_application_with_the_prefix(
    cluster: Cluster, staging: Tree, tmp_path: Path
) -> None:
    deploy.migrate(staging.dsn, role_prefix="staging_")
    cluster.execute("create role trial login; grant staging_credits_app to trial")
    with psycopg.connect(staging.dsn, autocommit=True) as conn:
        systems.load(conn, "photo_platform", dirty=False)

    for command in ("plan", "run", "compat --into legacy", "settle --pay"):
        done = pgcredits("adopt", *command.split(), dsn=staging.dsn, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command

    charge = "select legacy.consume_user_credits({!r}::uuid, 1, 'photo')".format
    user = next(row[0] for row in staging.execute("select user_id from credits.user_credits"))
    assert staging.connecting(user="trial").execute(charge(str(user)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        staging.connecting(user="web").execute(charge(str(user)))
    assert deploy.check(staging.dsn).findings == ()


def test_the_prefix_is_remembered(staging: Tree) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)

    again = staging.migrate(share_roles=False)
    assert (again.migrations, again.applied, again.warnings) == ((), (), ())
    staging.edit(ADD_ITEM, "5 %", "6 %")
    assert staging.migrate(share_roles=False).applied == ("credits.add_item",)
    staging.execute("revoke usage on schema credits from staging_credits_app")
    assert staging.found() == [("drift", "credits")]
    staging.migrate()
    assert staging.found() == []
    staging.execute("grant select on credits_monitoring.sizes to credits_app")
    assert staging.check().kept_grants == ("select on credits_monitoring.sizes to credits_app",)
    staging.execute("revoke select on credits_monitoring.sizes from credits_app")
    assert [name for (name,) in staging.execute(USED)] == [f"staging_{r}" for r in sorted(ROLES)]
    staging.rollback()
    assert staging.execute(USED) == []


def test_hashes_are_those_of_the_plain_files(production: Tree, staging: Tree) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)

    hashes = "select m.name, m.source_sha256 from credits_deploy.manifest as m order by m.kind, 1"
    assert staging.execute(hashes) == production.execute(hashes)


def test_the_script_with_a_prefix_leaves_what_migrate_leaves(
    cluster: Cluster, staging: Tree
) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)
    made, recorded = dump_schema(staging.dsn), staging.execute(MANIFEST)
    staging.rollback()

    run_script(staging.dsn, staging.script(role_prefix="staging_", share_roles=False))

    assert staging.execute(MANIFEST) == recorded
    assert dump_schema(staging.dsn) == made
    assert staging.found() == []


def test_an_installation_with_shared_roles_can_be_given_its_own(
    cluster: Cluster, staging: Tree
) -> None:
    """As after production was restored into the database beside it."""
    staging.migrate(role_prefix="staging_", share_roles=False)
    anew, recorded = dump_schema(staging.dsn), staging.execute(MANIFEST)
    staging.rollback()
    staging.migrate(share_roles=True)
    staging.execute("create schema legacy; grant usage on schema legacy to credits_app")
    staging.execute("grant create on schema credits to credits_app")
    assert may_call(staging, "web")

    report = staging.migrate(role_prefix="staging_", share_roles=False)

    assert not may_call(staging, "web")
    roles = f"roles {', '.join(Roles('staging_').names)}"
    assert report.applied == (roles, "grants on credits")
    assert report.warnings == (
        "credits_app still has rights on schema legacy",
        "role web: it is granted credits_app, which may do nothing here any more; if it is to use"
        ' this database: grant staging_credits_app to "web"',
    )
    staging.execute("drop schema legacy")
    assert staging.found() == []
    assert staging.execute(MANIFEST) == recorded
    assert dump_schema(staging.dsn) == anew
    # And back again.
    with pytest.raises(RefusedError, match=r"database of this server: app$"):
        staging.migrate(role_prefix="", share_roles=False)
    staging.migrate(role_prefix="", share_roles=True)
    assert may_call(staging, "web")
    assert staging.found() == []


def test_check_names_an_application_of_another_database_that_could_connect(
    cluster: Cluster, production: Tree, staging: Tree
) -> None:
    staging.migrate(share_roles=True)

    assert staging.check().warnings == (
        "credits_app is used in database app, too: web may connect to this one and act as it"
        " (see --role-prefix)",
    )
    assert staging.check().exit_status == 0
    assert staging.migrate().warnings == staging.check().warnings
    assert "in database staging, too: web" in production.check().warnings[0]
    cluster.execute("revoke connect on database staging from public")
    assert staging.check().warnings == ()


def test_a_dump_of_an_installation_with_a_prefix_has_its_roles(
    cluster: Cluster, staging: Tree
) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)
    cluster.execute("create database copy")
    copy = cluster.tree("copy")
    run_script(copy.dsn, run_program("pg_dump", "--dbname", staging.dsn))

    assert copy.found() == []
    assert copy.migrate(share_roles=False).applied == ()


@pytest.mark.parametrize("prefix", ["pg_", "Staging_", "1_", "a-", "a b", "x" * 41, "'", "ü_"])
def test_what_cannot_be_a_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(RefusedError, match="cannot be the prefix"):
        deploy.script(role_prefix=prefix)


def test_the_longest_prefix_is_not_cut_off(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    prefix = "x" * 40
    tree.migrate(role_prefix=prefix)

    assert tree.found() == []
    assert [name for (name,) in tree.execute(USED)] == sorted(Roles(prefix).names)


def test_who_may_do_nothing_any_more_is_named_with_the_statement_that_lets_them_in(
    cluster: Cluster, production: Tree
) -> None:
    report = production.migrate(role_prefix="live_", share_roles=False)

    assert report.applied == (f"roles {', '.join(Roles('live_').names)}",)
    assert "nothing to do" not in list(report.lines())
    (warning,) = [one for one in report.warnings if one.startswith("role web: ")]
    assert not may_call(production, "web")
    cluster.execute(warning.rpartition(": ")[2])
    assert may_call(production, "web")
    assert production.migrate(role_prefix="live_", share_roles=False).warnings == ()


def test_a_restore_without_comments_keeps_its_own_roles(production: Tree, staging: Tree) -> None:
    staging.migrate(role_prefix="staging_", share_roles=False)
    staging.execute("comment on schema credits_deploy is null")

    assert staging.found() == [("drift", "credits_deploy")]
    staging.edit(ADD_ITEM, "5 %", "6 %")
    staging.migrate(share_roles=False)
    assert not may_call(staging, "web")
    assert [name for (name,) in staging.execute(USED)] == [f"staging_{r}" for r in sorted(ROLES)]
