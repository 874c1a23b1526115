"""Every query and every command of every page runs, and prints what the page says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from docs.blocks import Block, InlineCommand, blocks, console_commands, inline_commands
from docs.gateway import gateway
from pgcredits.server import find_binaries
from support.paths import PAGES, page_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from support.databases import Database, Template

#: Where CI has installed the npm packages that node's examples import.
NODE_MODULES = os.environ.get("PGCREDITS_NODE_MODULES")


#: The pages with queries, and those with commands for a terminal.
PAGES_WITH_QUERIES = [page for page in PAGES if blocks("sql", pages=(page,))]
PAGES_WITH_COMMANDS = [page for page in PAGES if console_commands(page)]


@pytest.mark.parametrize("page", PAGES_WITH_QUERIES, ids=page_name)
def test_the_queries_print_what_is_shown(database: Database, page: Path) -> None:
    for block in blocks("sql", pages=(page,)):
        printed = _psql(database, block.code)
        if block.output is not None:
            assert _trimmed(printed) == _trimmed(block.output), str(block)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_the_python_examples_print_what_is_shown(database: Database, block: Block) -> None:
    printed = _run([sys.executable, "-c", block.code], dsn=database.dsn)

    assert _trimmed(printed) == _trimmed(block.output or "")


@pytest.mark.skipif(NODE_MODULES is None, reason="PGCREDITS_NODE_MODULES is not set")
@pytest.mark.parametrize("block", blocks("js"), ids=str)
def test_the_node_examples_print_what_is_shown(
    database: Database, block: Block, tmp_path: Path
) -> None:
    assert NODE_MODULES is not None
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "example.mjs").write_text(block.code, encoding="utf-8")

    with gateway(database) as address:
        printed = _run(
            ["node", "example.mjs"],
            tmp_path,
            _uri(database),
            variables={
                "SUPABASE_URL": address,
                "SUPABASE_SERVICE_ROLE_KEY": "secret",
                # supabase-js wants it at the start; Node.js has it without asking from 22 on.
                "NODE_OPTIONS": "--experimental-websocket",
            },
        )

    assert _trimmed(printed) == _trimmed(block.output or "")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for `pgcredits up` that the account which PostgreSQL runs as can reach."""
    folder = Path(tempfile.mkdtemp(prefix="pgcredits_readme_"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=page_name)
def test_the_terminal_commands_work(
    blank_database: Database, home: Path, page: Path, tmp_path: Path
) -> None:
    commands = console_commands(page)
    if "pgcredits migrate" not in commands:
        _run(["pgcredits", "migrate"], dsn=blank_database.dsn)
    for command in commands:
        # The front page's first two lines install first: what follows the installation is run
        # here, or is this very test run.
        program = command.rpartition(" && ")[2]
        if program.startswith(("pytest", "export PGCREDITS_DSN=")):
            continue
        if program == "pgcredits demo":
            # With all its users it is run by CI, from the installed wheel.
            program = "pgcredits demo --users 1"
        if program == "pgcredits up":
            program = f"pgcredits up {shlex.quote(str(home))}"
        _run(shlex.split(program), tmp_path, blank_database.dsn)
    if "pgcredits up" in commands:
        _run(["pgcredits", "up", str(home), "--stop"])


@pytest.mark.parametrize("named", inline_commands("pgcredits"), ids=str)
def test_the_commands_that_the_text_names_work(
    template: Template, named: InlineCommand, tmp_path: Path
) -> None:
    program = shlex.split(named.command)
    if "--keep" in program:
        # It stays until it is told to go: that it does is the demo's own test.
        program = [*program[:-1], "--help"]

    # Nothing is left to be verified after `pgcredits rollback`.
    with template.clone(verify=False) as database:
        if "--heads" in program:
            _run(["pgcredits", "verify", "--save-heads", "heads.csv"], tmp_path, database.dsn)
        _run(program, tmp_path, database.dsn)


def test_an_application_is_let_in_as_the_text_says(conn: psycopg.Connection[Any]) -> None:
    (grant,) = inline_commands("grant")

    # The role belongs to the whole server: nothing of it may stay.
    with conn.transaction(force_rollback=True):
        conn.execute("create role your_application")
        conn.execute(grant.command.encode())
        conn.execute("set local role your_application")
        conn.execute("select from credits.get_user_credits(gen_random_uuid())")


def _psql(database: Database, script: str) -> str:
    binaries = find_binaries()
    program = shutil.which("psql", path=str(binaries.bindir))
    assert program is not None
    return _run(
        [program, "-qX", "-P", "footer=off", "-v", "ON_ERROR_STOP=1", "-d", database.dsn],
        stdin=script,
        variables=binaries.env,
    )


def _run(
    program: list[str],
    cwd: Path | None = None,
    dsn: str | None = None,
    stdin: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    # The commands of this very installation come first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # All databases of the tests are on one server.
    environment = {
        **os.environ, "PATH": path, "PGCREDITS_SHARE_ROLES": "1", **(variables or {}),
    }  # fmt: skip
    if dsn is not None:
        environment["PGCREDITS_DSN"] = dsn
    done = subprocess.run(
        program,
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{shlex.join(program)}: {done.stdout}{done.stderr}"
    return done.stdout


def _trimmed(printed: str) -> list[str]:
    return [line.rstrip() for line in printed.splitlines() if line.strip()]


def _uri(database: Database) -> str:
    """The connection string in the one form that node-postgres reads."""
    dsn = {key: quote(str(value), safe="") for key, value in conninfo_to_dict(database.dsn).items()}
    login = f"{dsn['user']}:{dsn.get('password', '')}"
    return f"postgresql://{login}@/{dsn['dbname']}?host={dsn['host']}&port={dsn['port']}"
