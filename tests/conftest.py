"""The harness: a throwaway PostgreSQL, and a database of its own for each test.

--postgres=embedded   the server that pgcredits brings along (PGCREDITS_PG_BINDIR: another one)
--postgres=docker     a container (PGCREDITS_TEST_IMAGE, default postgres:18)
--postgres=dsn        an existing server, --postgres-dsn, where we may create databases and roles
"""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql import factories

from support import databases, procedure_coverage, seeds, servers

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    import psycopg
    from pytest_postgresql.executors import NoopExecutor

CHOICE = pytest.StashKey[servers.Choice]()
PROFILE = pytest.StashKey["procedure_coverage.Profile | None"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pgcredits")
    group.addoption(
        "--postgres",
        choices=["embedded", "docker", "dsn"],
        help="the server to test on (default: docker where the image is there, else embedded)",
    )
    group.addoption("--postgres-dsn", metavar="DSN", help="the server of --postgres=dsn")
    group.addoption("--seed", type=int, help="repeat the random choices of an earlier run")
    group.addoption("--slow", action="store_true", help="run races, models and crashes, too")
    group.addoption("--bench", action="store_true", help="run the volume benches, and only them")
    group.addoption(
        "--coverage-of-procedures",
        type=Path,
        metavar="FILE",
        help="write to FILE how often each statement of each procedure ran (needs plpgsql_check)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # A background job of a shell ignores Ctrl-C, and the programs that tests start and interrupt
    # would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    # Importing readline, as pytest-xdist's workers do, sets these variables: the console of the
    # command line would take its size from them, and not from its terminal.
    for variable in ("COLUMNS", "LINES"):
        os.environ.pop(variable, None)

    seeds.configure(config)
    file: Path | None = config.getoption("--coverage-of-procedures")
    config.stash[PROFILE] = procedure_coverage.Profile(file) if file else None
    if config.option.help:
        return
    try:
        config.stash[CHOICE] = servers.choose(
            config.getoption("--postgres"), config.getoption("--postgres-dsn")
        )
    except Exception as error:
        hint = getattr(error, "hint", "")
        raise pytest.UsageError(f"no PostgreSQL to test on: {error} {hint}") from error


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker more than there are cores: each waits for its server, or a clock, at times.

    Benches want the machine for themselves: no worker beside them.
    """
    return 0 if config.getoption("--bench") else (os.cpu_count() or 1) + 1


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"postgres: {config.stash[CHOICE].announcement}", seeds.header(config)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    bench: bool = config.getoption("--bench")
    # A selection by the marker `slow`, or of one test by name, means slow tests, too.
    slow: bool = (
        config.getoption("--slow")
        or "slow" in config.option.markexpr
        or any("::" in argument for argument in config.args)
    )

    def wanted(item: pytest.Item) -> bool:
        if (item.get_closest_marker("bench") is not None) != bench:
            return False
        return slow or item.get_closest_marker("slow") is None

    dropped = [item for item in items if not wanted(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if wanted(item)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    profile = session.config.stash[PROFILE]
    if profile is not None:
        profile.write()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[servers.PostgresServer]:
    """The server that all tests share."""
    profile = pytestconfig.stash[PROFILE]
    with pytestconfig.stash[CHOICE].run(profile.OPTIONS if profile else None) as server:
        if profile is not None:
            profile.start(server)
        yield server


def _deploy(*, host: str, port: int, user: str, dbname: str, password: str, **_: Any) -> None:
    from pgcredits.deploy import migrate

    dsn = make_conninfo(host=host, port=port, user=user, dbname=dbname, password=password)
    migrate(dsn, share_roles=True)


# pytest-postgresql makes the template, deploys into it, and drops it at the end. The name is of
# this run alone: an existing server may serve several runs at once.
deployed = factories.postgresql_noproc(
    depends_on="postgres_server",
    dbname=f"pgcredits_{secrets.token_hex(4)}",
    load=[_deploy],
)


@pytest.fixture(scope="session")
def template(
    pytestconfig: pytest.Config,
    postgres_server: servers.PostgresServer,
    deployed: NoopExecutor,
) -> Iterator[databases.Template]:
    """The database in which pgcredits is deployed; `template.clone()` copies it."""
    profile = pytestconfig.stash[PROFILE]
    # The profiler forgets all databases at once, and so what kept copies have counted.
    template = databases.Template(postgres_server, deployed.template_dbname, reused=profile is None)
    if profile is not None:
        profile.prepare(postgres_server, template.name)
        template.before_drop = profile.collect
    yield template
    template.close()


@pytest.fixture
def database(
    template: databases.Template, request: pytest.FixtureRequest
) -> Iterator[databases.Database]:
    """This test's own database, whose ledger must prove itself after the test.

    A test that is about a broken ledger says `@pytest.mark.tampers`.
    """
    tampers = request.node.get_closest_marker("tampers") is not None
    with template.clone(verify=not tampers) as database:
        yield database


@pytest.fixture
def conn(database: databases.Database) -> psycopg.Connection[Any]:
    """A connection to this test's database as its owner, in autocommit."""
    return database.connect()


@pytest.fixture
def blank_database(postgres_server: servers.PostgresServer) -> Iterator[databases.Database]:
    """A database of this test's own in which nothing is deployed."""
    with databases.blank(postgres_server) as database:
        yield database


@pytest.fixture
def stranger(database: databases.Database) -> Iterator[str]:
    """The name of a role without any rights, gone after the test with all it made.

    Roles belong to the server: each test's has a name of its own.
    """
    name = f"pgcredits_test_{secrets.token_hex(6)}"
    role = sql.Identifier(name)
    admin = database.connect()
    admin.execute(sql.SQL("create role {} nologin").format(role))
    yield name
    with database.connect() as admin:
        admin.execute(sql.SQL("drop owned by {} cascade").format(role))
        admin.execute(sql.SQL("drop role {}").format(role))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that --seed repeats."""
    return seeds.generator(request.config, request.node.nodeid)
