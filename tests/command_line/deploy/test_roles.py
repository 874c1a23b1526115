"""Who may deploy: roles belong to the whole server, so these tests have a server of their own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from command_line.deploy.tree import Tree, run_program, run_script, write_files
from pgcredits import deploy
from pgcredits.errors import RefusedError
from pgcredits.server import ephemeral_server
from support.databases import Database
from support.races import Session
from support.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATEMENTS = (
    "create role credits_app nologin; create role credits_analyst nologin;"
    " create role credits_operator nologin; grant credits_app to credits_operator;"
    " grant credits_analyst to credits_operator;"
)
MEMBERSHIPS = """
select m.roleid::regrole::text as role, m.member::regrole::text as member
from pg_auth_members as m
where m.roleid::regrole::text like 'credits%%' and m.member::regrole::text <> %s
order by 1, 2
"""
OURS = [("credits_analyst", "credits_operator"), ("credits_app", "credits_operator")]


@dataclass(frozen=True)
class Cluster:
    """A server without our roles."""

    server: PostgresServer
    root: Path

    def execute(self, sql: str, *params: Any) -> list[Any]:
        """Run a statement as superuser."""
        with self.server.connect() as conn:
            cursor = conn.execute(sql.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

    def tree(self, name: str, **parameters: str) -> Tree:
        """The small package and a database."""
        return Tree(self.root, Database(self.server, name), parameters)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    with ephemeral_server() as started, PostgresServer.at(started.dsn()) as server:
        yield server


@pytest.fixture
def cluster(own_server: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """The server, with a database `app` of a user `deployer`; as it was after the test."""
    write_files(tmp_path)
    cluster = Cluster(own_server, tmp_path)
    cluster.execute("create role deployer login")
    cluster.execute("create database app owner deployer")
    yield cluster
    for (name,) in cluster.execute(
        "select quote_ident(d.datname) from pg_database as d"
        " where d.datname not in ('postgres', 'template0', 'template1')"
    ):
        cluster.execute(f"drop database {name} with (force)")
    for (name,) in cluster.execute(
        "select quote_ident(r.rolname) from pg_roles as r where r.oid >= 16384"
        " order by r.rolname not like 'credits%'"
    ):
        cluster.execute(f"drop role {name}")


@pytest.mark.parametrize("user", ["postgres", "deployer"])
def test_a_superuser_and_an_owner_with_createrole_make_the_roles(
    cluster: Cluster, user: str
) -> None:
    cluster.execute("alter role deployer createrole")
    tree = cluster.tree("app", user=user)

    deploy.migrate(tree.dsn)

    assert cluster.execute(MEMBERSHIPS, user) == OURS
    groups = "select count(*) from pg_roles as r where r.rolname like 'credits%'"
    assert cluster.execute(f"{groups} and not r.rolcanlogin") == [(3,)]
    assert deploy.check(tree.dsn, smoke=True).findings == ()
    assert deploy.migrate(tree.dsn).applied == ()
    owners = tree.execute(
        "select distinct p.proowner::regrole::text from pg_proc as p"
        " inner join pg_namespace as n on p.pronamespace = n.oid where n.nspname like 'credits%'"
    )
    assert owners == [(user,)]
    deploy.rollback(tree.dsn)
    assert len(cluster.execute(MEMBERSHIPS, user)) == 2


@pytest.mark.parametrize("create_roles", [True, False])
def test_an_owner_without_createrole_deploys_where_the_roles_exist(
    cluster: Cluster, create_roles: bool
) -> None:
    cluster.execute(STATEMENTS)
    tree = cluster.tree("app", user="deployer")

    deploy.migrate(tree.dsn, create_roles=create_roles)

    assert deploy.check(tree.dsn, smoke=True).findings == ()
    deploy.rollback(tree.dsn)
    deploy.migrate(tree.dsn, create_roles=create_roles)


def test_an_owner_without_createrole_is_refused_with_the_statements_to_run(
    cluster: Cluster,
) -> None:
    tree = cluster.tree("app", user="deployer")

    with pytest.raises(RefusedError, match="may not create them") as caught:
        tree.migrate()

    assert caught.value.hint == f"Have a DBA run: {STATEMENTS}"
    assert [kind for kind, _ in tree.found()] == ["not_installed"]
    cluster.execute(caught.value.hint.removeprefix("Have a DBA run: "))
    tree.migrate()
    assert tree.found() == []


def test_no_roles_are_made_when_told_so(cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match="not wanted") as caught:
        cluster.tree("app").migrate(create_roles=False)

    assert caught.value.hint == f"Have a DBA run: {STATEMENTS}"
    assert cluster.execute(
        "select count(*) from pg_roles as r where r.rolname like 'credits%'"
    ) == [(0,)]


def test_only_what_is_missing_is_asked_for(cluster: Cluster) -> None:
    cluster.execute("create role credits_app; create role credits_operator")
    cluster.execute("grant credits_app to credits_operator")

    with pytest.raises(RefusedError) as caught:
        cluster.tree("app", user="deployer").migrate()

    assert caught.value.hint == (
        "Have a DBA run: create role credits_analyst nologin;"
        " grant credits_analyst to credits_operator;"
    )


def test_createrole_is_not_enough_for_a_role_of_somebody_elses(
    cluster: Cluster, own_server: PostgresServer
) -> None:
    """Since PostgreSQL 16: a membership needs the admin option on the role."""
    cluster.execute("alter role deployer createrole")
    cluster.execute("create role credits_app; create role credits_operator")
    tree = cluster.tree("app", user="deployer")
    with own_server.connect() as conn:
        major = conn.info.server_version // 10_000

    if major >= 16:
        with pytest.raises(RefusedError, match="may not create them") as caught:
            tree.migrate()
        assert "grant credits_app to credits_operator" in caught.value.hint
        cluster.execute(caught.value.hint.removeprefix("Have a DBA run: "))
    tree.migrate()

    assert cluster.execute(MEMBERSHIPS, "deployer") == OURS


def test_an_owner_of_nothing_needs_create_on_the_database(cluster: Cluster) -> None:
    cluster.execute(STATEMENTS)
    cluster.execute('create role "Weird One" login')
    tree = cluster.tree("app", user="Weird One")

    with pytest.raises(RefusedError, match="may not create schemas") as caught:
        tree.migrate()

    assert caught.value.hint == 'Have a DBA run: grant create on database app to "Weird One";'
    cluster.execute(caught.value.hint.removeprefix("Have a DBA run: "))
    tree.migrate()
    assert tree.found() == []


def test_supabases_server_role_may_call_us_and_its_public_ones_may_not(cluster: Cluster) -> None:
    cluster.execute("create role anon; create role authenticated; create role service_role")
    tree = cluster.tree("app")

    deploy.migrate(tree.dsn)

    assert cluster.execute(MEMBERSHIPS, "postgres") == [
        ("credits_analyst", "credits_operator"),
        ("credits_app", "credits_operator"),
        ("credits_app", "service_role"),
    ]
    open_to = tree.execute(
        "select r.rolname from pg_roles as r, pg_proc as p, pg_namespace as n"
        " where r.rolname in ('anon', 'authenticated') and p.pronamespace = n.oid"
        " and n.nspname like 'credits%' and has_function_privilege(r.oid, p.oid, 'execute')"
    )
    assert open_to == []


def test_a_lost_membership_is_named_and_repaired(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    tree.migrate()
    cluster.execute("revoke credits_app from credits_operator")
    assert tree.found() == [("missing", "credits_app")]
    assert tree.check().exit_status == 14

    tree.migrate()

    assert tree.found() == []


def test_somebody_elses_installation_is_refused(cluster: Cluster) -> None:
    cluster.tree("app").migrate()
    other = cluster.tree("app", user="deployer")

    for command in (other.migrate, other.check, other.rollback):
        with pytest.raises(RefusedError, match="right"):
            command()
    cluster.execute("grant postgres to deployer")
    cluster.execute("alter role deployer nosuperuser")
    assert other.found() == []
    assert other.migrate().applied == ()


def test_deploys_of_several_databases_at_once_share_the_roles(cluster: Cluster) -> None:
    for i in range(4):
        cluster.execute(f"create database app{i}")
    errors: list[Exception] = []

    def run(i: int) -> None:
        try:
            cluster.tree(f"app{i}").migrate()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert all(cluster.tree(f"app{i}").found() == [] for i in range(4))
    assert cluster.execute(MEMBERSHIPS, "postgres") == OURS


def test_a_role_that_appears_meanwhile_is_taken(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    reached = threading.Event()

    def on_step(step: str) -> None:
        if step == "roles":
            reached.set()

    with Session(Database(cluster.server, "postgres"), autocommit=False) as other:
        other.run("create role credits_app")
        deploying = threading.Thread(target=tree.migrate, kwargs={"on_step": on_step})
        deploying.start()
        assert reached.wait(30)
        with cluster.server.connect() as conn:
            waiting = "select l.pid from pg_locks as l where not l.granted"
            while not conn.execute(waiting).fetchall():
                assert deploying.is_alive()
        other.run("commit")
        deploying.join(60)

    assert tree.found() == []
    assert cluster.execute(MEMBERSHIPS, "postgres") == OURS


def test_the_script_makes_the_roles_or_leaves_them(cluster: Cluster) -> None:
    cluster.execute("alter role deployer createrole")
    tree = cluster.tree("app", user="deployer")
    with pytest.raises(AssertionError, match="credits_app"):
        run_script(tree.dsn, deploy.script(create_roles=False))

    run_script(tree.dsn, deploy.script())

    assert deploy.check(tree.dsn, smoke=True).findings == ()
    assert cluster.execute(MEMBERSHIPS, "deployer") == OURS


def test_a_dump_restored_under_another_owner_is_content(cluster: Cluster) -> None:
    """The owner of the installation is whoever owns it, not a name."""
    cluster.execute("alter role deployer createrole")
    deploy.migrate(cluster.tree("app", user="deployer").dsn)
    copy = cluster.tree("copy")
    cluster.execute("create database copy")
    dump = run_program("pg_dump", "--no-owner", "--dbname", cluster.tree("app").dsn)
    run_script(copy.dsn, dump)

    assert deploy.check(copy.dsn).findings == ()
    assert deploy.migrate(copy.dsn).applied == ()
