"""yoyo's record of migrations, and the gaps of yoyo's own that are covered here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from command_line.deploy.tree import Tree, dump_schema
from pgcredits.errors import RefusedError
from pgcredits.sources import SourcesError


def yoyo(tree: Tree, *arguments: str) -> str:
    """Run the plain yoyo command on the migrations of a tree."""
    server = tree.database.server
    password = f":{quote(server.password)}" if server.password else ""
    where = f"host={quote(server.host, safe='')}&port={server.port}&schema=credits_deploy"
    uri = f"postgresql+psycopg://{server.user}{password}@/{tree.database.name}?{where}"
    command = [str(Path(sys.executable).with_name("yoyo")), *arguments, "--batch"]
    command += ["--no-config-file", "--database", uri, str(tree.root / "migrations")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plain_yoyo_command_sees_the_same_history(installed: Tree) -> None:
    installed.add_migration("0003-more")

    lines = yoyo(installed, "list").splitlines()[2:]

    assert [line.split()[:2] for line in lines] == [
        ["A", "0001-schemas"],
        ["A", "0002-tables"],
        ["U", "0003-more"],
    ]
    assert installed.found() == [("pending", "0003-more")]


def test_our_tables_are_those_that_yoyo_makes(installed: Tree, tree: Tree) -> None:
    def tables(of: Tree) -> list[str]:
        lines = dump_schema(of.dsn)
        text = "\n".join(line for line in lines if not line.startswith(("--", "COMMENT")))
        statements = [statement.strip() for statement in text.split(";\n")]
        return sorted(s for s in statements if "yoyo" in s and "OWNER TO" not in s)

    tree.execute("create schema credits_deploy")
    yoyo(tree, "list")

    ours, theirs = tables(installed), tables(tree)
    assert len(theirs) == 8
    assert ours == theirs


def test_each_step_is_logged_as_yoyo_does(installed: Tree) -> None:
    log = installed.execute(
        "select l.operation, l.migration_id, l.hostname <> '' as host"
        " from credits_deploy._yoyo_log as l order by l.created_at_utc"
    )

    assert log == [("apply", "0001-schemas", True), ("apply", "0002-tables", True)]


def test_an_edited_migration_is_noticed_by_its_content(installed: Tree) -> None:
    """Yoyo itself would not notice: it hashes the migration's id, not its content."""
    installed.edit(
        "migrations/0001-schemas.sql", "usage on schema credits ", "all on schema credits "
    )

    assert yoyo(installed, "list").splitlines()[2].split()[0] == "A"
    assert installed.found() == [("edited_migration", "0001-schemas")]


def test_migration_and_mark_are_one_transaction(tree: Tree) -> None:
    """Yoyo itself applies a migration on one connection, and marks it on another."""
    tree.add_migration(
        "0003-look",
        "create table credits.seen as select count(*) from credits_deploy._yoyo_migration;"
        "create table credits.transactions as select pg_current_xact_id() as xid;",
    )

    tree.migrate()

    assert tree.value("select s.count from credits.seen as s") == 2
    xids = tree.execute(
        "select distinct h.xmin::text = (t.xid::text::bigint & 4294967295)::text"
        " from credits_deploy._yoyo_migration as h, credits.transactions as t"
    )
    assert xids == [(True,)]


def test_no_lock_row_is_left_or_respected(installed: Tree) -> None:
    """The lock row of yoyo outlives a killed process; our lock of its table does not."""
    installed.execute("insert into credits_deploy.yoyo_lock (pid) values (1)")
    installed.add_migration("0003-more")

    assert installed.migrate(wait=0).migrations == ("0003-more",)


def test_a_late_lower_number_is_refused(installed: Tree) -> None:
    """Yoyo applies it silently, in another order than a fresh database will."""
    installed.add_migration("0001-late", "create table credits.late (x int);")
    with pytest.raises(SourcesError, match="two migrations have one number"):
        installed.migrate()
    installed.remove("migrations/0001-late.sql")
    installed.add_migration("0004-new")
    installed.migrate()
    installed.add_migration("0003-late", "create table credits.late (x int);")

    with pytest.raises(RefusedError, match="0003-late is new, but 0004-new is already applied"):
        installed.migrate()

    assert installed.value("select to_regclass('credits.late')") is None


def test_a_missing_rollback_file_is_an_error(installed: Tree) -> None:
    """Yoyo's rollback of such a migration "succeeds"."""
    installed.remove("migrations/0002-tables.rollback.sql")

    for command in (installed.migrate, installed.rollback, installed.check, installed.script):
        with pytest.raises(SourcesError, match=r"has no 0002-tables\.rollback\.sql"):
            command()


@pytest.mark.parametrize("command", ["mark", "unmark"])
def test_a_history_changed_by_yoyo_itself_is_named_and_refused(
    installed: Tree, command: str
) -> None:
    installed.add_migration("0003-more", "create table credits.more (x int);")
    if command == "mark":
        yoyo(installed, "mark", "--revision", "0003-more")
        name = "0003-more"
    else:
        yoyo(installed, "unmark", "--revision", "0002-tables")
        name = "0002-tables"

    assert ("drift", name) in installed.found()
    with pytest.raises(RefusedError, match=name):
        installed.migrate()
