"""Who may deploy: roles belong to the whole server, so these tests have a server of their own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from command_line.deploy.tree import run_program, run_script
from pgcredits import deploy
from pgcredits.deploy import Kind
from pgcredits.errors import RefusedError
from support.databases import Database
from support.races import Session

if TYPE_CHECKING:
    from command_line.deploy.tree import Cluster
    from support.servers import PostgresServer

STATEMENTS = (
    "create role credits_app nologin; create role credits_analyst nologin;"
    " create role credits_operator nologin; grant credits_app to credits_operator;"
    " grant credits_analyst to credits_operator;"
)
LET_GRANT = "grant credits_app, credits_analyst, credits_operator to deployer with admin option;"
MEMBERSHIPS = """
select m.roleid::regrole::text as role, m.member::regrole::text as member
from pg_auth_members as m
where m.roleid::regrole::text like 'credits%%' and m.member::regrole::text <> %s
order by 1, 2
"""
OURS = [("credits_analyst", "credits_operator"), ("credits_app", "credits_operator")]


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

    assert caught.value.hint == f"Have a DBA run: {STATEMENTS} {LET_GRANT}"
    assert [kind for kind, _ in tree.found()] == ["not_installed"]
    cluster.execute(caught.value.hint.removeprefix("Have a DBA run: "))
    assert tree.migrate().warnings == ()
    assert tree.found() == []
    cluster.execute("create role web")
    tree.execute("grant credits_app to web")


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
        f" grant credits_analyst to credits_operator; {LET_GRANT}"
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


def test_an_owner_who_may_not_let_applications_in_is_told_who_can(cluster: Cluster) -> None:
    cluster.execute(STATEMENTS)
    tree = cluster.tree("app", user="deployer")
    cluster.execute("create role web")

    (warning,) = tree.migrate().warnings

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tree.execute("grant credits_app to web")
    said, _, statement = warning.partition("have a DBA run: ")
    assert "may not grant" in said
    cluster.execute(statement)
    tree.execute("grant credits_app to web")
    assert tree.migrate().warnings == ()


def test_the_script_tells_a_second_owner_what_a_dba_must_run(cluster: Cluster) -> None:
    """Since PostgreSQL 16 CREATEROLE is not enough for roles that somebody else made."""
    cluster.execute("create role credits_app; create role credits_operator")
    tree = cluster.tree("app", user="deployer")

    with pytest.raises(AssertionError, match="this user may not create them") as caught:
        run_script(tree.dsn, tree.script())

    _, _, statements = str(caught.value).partition("Have a DBA run: ")
    cluster.execute(statements.partition("\n")[0])
    run_script(tree.dsn, tree.script())
    assert tree.found() == []


def test_the_script_refuses_a_schema_of_somebody_elses_in_its_own_words(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    tree.execute("create schema credits; create table credits.invoices (x int)")

    with pytest.raises(AssertionError, match="schema credits exists, and pgcredits did not make"):
        run_script(tree.dsn, tree.script())

    assert tree.value("select count(*) from credits.invoices") == 0


def test_a_script_without_the_right_to_make_schemas_names_the_statement(cluster: Cluster) -> None:
    cluster.execute(STATEMENTS)
    cluster.execute('create role "Weird One" login')
    tree = cluster.tree("app", user="Weird One")

    with pytest.raises(AssertionError, match='grant create on database app to "Weird One";'):
        run_script(tree.dsn, tree.script())


def test_supabases_server_role_may_call_us_though_it_does_not_inherit(cluster: Cluster) -> None:
    """As it is in older projects of Supabase."""
    cluster.execute("create role service_role noinherit login")
    tree = cluster.tree("app")
    if tree.value("select current_setting('server_version_num')::int") >= 160000:
        assert tree.migrate().warnings == ()
        assert tree.found() == []
    else:
        (warning,) = tree.migrate().warnings
        cluster.execute(warning.partition("mend it by: ")[2])

    assert tree.connecting(user="service_role").value("select credits.add_item(1)") == 1


def test_a_grant_that_is_not_inherited_is_mended(cluster: Cluster) -> None:
    """As migrate of 0.1.0 left it."""
    cluster.execute(STATEMENTS)
    cluster.execute("create role service_role noinherit login; grant credits_app to service_role")
    tree = cluster.tree("app")
    tree.migrate()
    if tree.value("select current_setting('server_version_num')::int") >= 160000:
        cluster.execute("grant credits_app to service_role with inherit false")
        assert tree.found() == [("missing", "credits_app")]
        tree.migrate()
        assert tree.found() == []
        assert tree.connecting(user="service_role").value("select credits.add_item(1)") == 1


def test_an_owner_who_may_not_mend_a_grant_is_not_refused_for_it(cluster: Cluster) -> None:
    cluster.execute(STATEMENTS)
    cluster.execute("create role service_role noinherit; grant credits_app to service_role")
    tree = cluster.tree("app", user="deployer")

    assert any("role service_role: " in warning for warning in tree.migrate().warnings)

    tree.rollback()
    run_script(tree.dsn, tree.script())
    tree.migrate(create_roles=False)
    assert set(tree.found()) <= {("missing", "credits_app")}


def test_smoke_names_an_application_whose_calls_would_be_refused(cluster: Cluster) -> None:
    tree = cluster.tree("app")
    deploy.migrate(tree.dsn)
    cluster.execute("create role web noinherit login; grant credits_app to web")
    balance = f"select u.balance from credits.get_user_credits('{uuid4()}') as u"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tree.connecting(user="web").execute(balance)

    report = deploy.check(tree.dsn, smoke=True)

    (found,) = report.findings
    assert (found.kind, found.object_kind, found.name) == (Kind.SMOKE, "role", "web")
    assert report.exit_status == 12
    cluster.execute(found.detail.partition("mend it by: ")[2])
    assert deploy.check(tree.dsn, smoke=True).findings == ()
    assert tree.connecting(user="web").value(balance) == 0


def test_who_may_only_pass_a_role_on_is_no_application(cluster: Cluster) -> None:
    """PostgreSQL 16 makes whoever creates a role its administrator, who does not inherit it."""
    cluster.execute("alter role deployer createrole")
    deploy.migrate(cluster.tree("app", user="deployer").dsn)

    assert deploy.check(cluster.tree("app").dsn, smoke=True).findings == ()
