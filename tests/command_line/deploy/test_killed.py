"""A deploy killed anywhere leaves the old state or the new one, and a retry converges."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import A_TOTAL, ADD_ITEM, REFUSE_CHANGE, SIZES, Tree, dump_schema
from pgcredits import deploy
from pgcredits.errors import ConnectionFailedError

if TYPE_CHECKING:
    import random

    from support.databases import Database

pytestmark = pytest.mark.slow

#: Deploys, and kills itself before one of its steps.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from pgcredits import deploy
from pgcredits.errors import ConnectionFailedError

command, dsn, root, fatal = sys.argv[1:]
steps = 0

def on_step(step):
    global steps
    print(step, flush=True)
    if steps == int(fatal):
        os.kill(os.getpid(), signal.SIGKILL)
    steps += 1

options = {"share_roles": True} if command == "migrate" else {}
getattr(deploy, command)(dsn, root=Path(root) if root else None, on_step=on_step, **options)
"""

MANIFEST = """
select m.kind, m.identity, m.file, m.source_sha256, m.fingerprint
from credits_deploy.manifest as m
order by m.kind, m.identity
"""


TERMINATE = """
select pg_terminate_backend(a.pid) from pg_stat_activity as a
where a.application_name = 'pgcredits' and a.datname = current_database()
"""


def wait_for_a_sleep(tree: Tree) -> None:
    """Return when a statement sleeps."""
    sleeping = """
    select count(*) from pg_stat_activity as a
    where a.wait_event = 'PgSleep' and a.datname = current_database()
    """
    deadline = time.monotonic() + 60
    while not tree.value(sleeping):
        assert time.monotonic() < deadline


def run_until(command: str, dsn: str, root: str, fatal: int) -> tuple[bool, list[str]]:
    """Run a command that dies before step number `fatal`: whether it died, and its steps."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, dsn, root, str(fatal)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0, done.stdout.splitlines()


def edit_everything(tree: Tree) -> None:
    """A new version with some of all that a deploy can have to do."""
    tree.add_migration(
        "0003-more", "create table credits.more (x int);", "drop table credits.more;"
    )
    tree.edit(ADD_ITEM, "p_price numeric", "p_price bigint")
    tree.edit(REFUSE_CHANGE, "items_never_change", "items_stay")
    tree.edit(SIZES, "i.size,", "i.size, min(i.price) as cheapest,")
    tree.remove(A_TOTAL)
    tree.write(
        "views/usage/extra.sql", "create or replace view credits_monitoring.extra as select 1;"
    )


def state(tree: Tree) -> object:
    """All there is; the manifest only where there is one."""
    installed = tree.value("select to_regclass('credits_deploy.manifest')")
    return dump_schema(tree.dsn), tree.execute(MANIFEST) if installed else None


def kill_at_every_step(tree: Tree, command: str) -> list[str]:
    """Before each step in turn; returns all steps, of the run that got through."""
    before = state(tree)
    fatal = 0
    while True:
        died, steps = run_until(command, tree.dsn, str(tree.root), fatal)
        if not died:
            return steps
        if steps[-1] != "committed":
            assert state(tree) == before, steps[-1]
        fatal += 1


def test_a_first_deploy_killed_at_any_step(tree: Tree, installed: Tree) -> None:
    steps = kill_at_every_step(tree, "migrate")

    # The last but one run died after its commit, so that the last found nothing to do.
    assert "migration 0002-tables" not in steps
    assert state(tree) == state(installed)


def test_an_upgrade_killed_at_any_step(installed: Tree, tree: Tree) -> None:
    edit_everything(installed)
    kill_at_every_step(installed, "migrate")

    # The same files in a fresh database, without an accident.
    tree.migrate()
    assert installed.found() == []
    assert installed.execute(MANIFEST) == tree.execute(MANIFEST)


def test_a_rollback_killed_at_any_step(installed: Tree, tree: Tree) -> None:
    kill_at_every_step(installed, "rollback")

    assert state(installed) == state(tree)


def test_the_package_killed_at_some_steps(blank_database: Database, rng: random.Random) -> None:
    steps: list[str] = []
    deploy.migrate(blank_database.dsn, share_roles=True, on_step=steps.append)
    expected = dump_schema(blank_database.dsn)
    deploy.rollback(blank_database.dsn)

    for fatal in sorted(rng.sample(range(len(steps) - 1), 6)):
        assert run_until("migrate", blank_database.dsn, "", fatal)[0]
        assert deploy.check(blank_database.dsn).exit_status == 10

    assert run_until("migrate", blank_database.dsn, "", len(steps))[1] == steps
    assert dump_schema(blank_database.dsn) == expected
    assert deploy.check(blank_database.dsn, smoke=True).findings == ()


def test_a_deploy_killed_within_a_statement(installed: Tree) -> None:
    """The killed deploy's server process works on for a while: the retry waits for its end."""
    installed.add_migration(
        "0003-slow",
        "create table credits.slow (x int); select pg_sleep(3);",
        "drop table credits.slow;",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "migrate", installed.dsn, str(installed.root), "-1"],
        stdout=subprocess.DEVNULL,
    )
    wait_for_a_sleep(installed)
    process.kill()
    process.wait()

    assert installed.migrate().migrations == ("0003-slow",)

    assert installed.found() == []


def test_a_server_process_killed_within_a_statement(installed: Tree) -> None:
    installed.add_migration("0003-slow", "select pg_sleep(60);")
    errors: list[Exception] = []

    def run() -> None:
        try:
            installed.migrate()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_a_sleep(installed)
    installed.execute(TERMINATE)
    thread.join(60)

    assert [type(error) for error in errors] == [ConnectionFailedError]
    assert installed.found() == [("pending", "0003-slow")]


def test_a_server_process_killed_in_the_middle(installed: Tree) -> None:
    """The connection is lost between two statements: a sentence, and nothing done."""
    installed.add_migration("0003-more", "create table credits.more (x int);")
    killed: list[object] = []

    def on_step(step: str) -> None:
        if step == "history 0003-more":
            killed.extend(installed.execute(TERMINATE))

    with pytest.raises(ConnectionFailedError, match="connection was lost"):
        installed.migrate(on_step=on_step)

    assert killed == [(True,)]
    assert installed.found() == [("pending", "0003-more")]
    assert installed.migrate().migrations == ("0003-more",)
