"""``pgcredits sql --from``: the upgrade as a script, which ends where ``migrate`` ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from command_line.deploy.tree import dump_schema, run_script
from pgcredits import deploy
from pgcredits.deploy.upgrade_script import RELEASED
from pgcredits.errors import RefusedError
from support.api import rows
from upgrade import released

if TYPE_CHECKING:
    from support.databases import Database, Template

MANIFEST = """
select
    m.kind, m.identity, m.name, m.file, m.source_sha256, m.state, m.fingerprint, m.server_major,
    m.package_version
from credits_deploy.manifest as m
order by m.kind, m.identity
"""
HISTORY = """
select h.migration_hash, h.migration_id from credits_deploy._yoyo_migration as h
order by h.migration_id
"""


def records(database: Database) -> list[Any]:
    with database.connect() as conn:
        return [conn.execute(MANIFEST).fetchall(), conn.execute(HISTORY).fetchall()]


@pytest.fixture(scope="module")
def script() -> str:
    return deploy.script(from_version="0.1.0")


def test_the_script_ends_where_migrate_ends(
    template_of_0_1_0: Template, old_database: Database, script: str
) -> None:
    run_script(old_database.dsn, script)

    with template_of_0_1_0.clone() as migrated:
        deploy.migrate(migrated.dsn)
        assert records(old_database) == records(migrated)
        assert dump_schema(old_database.dsn) == dump_schema(migrated.dsn)
    assert deploy.check(old_database.dsn, smoke=True).findings == ()
    with old_database.connect() as conn:
        assert rows(conn, "verify_ledger") == []
    again = deploy.migrate(old_database.dsn)
    assert (again.migrations, again.applied, again.dropped) == ((), (), ())


def test_a_script_runs_once_and_only_on_its_version(
    old_database: Database, database: Database, blank_database: Database, script: str
) -> None:
    before = records(database)
    with pytest.raises(AssertionError, match=r"no database of pgcredits 0\.1\.0"):
        run_script(database.dsn, script)
    with pytest.raises(AssertionError, match="is not installed in this database"):
        run_script(blank_database.dsn, script)
    assert records(database) == before

    with old_database.connect() as conn:
        conn.execute(
            "update credits_deploy.manifest set source_sha256 = 'x' where name = '0002-types'"
        )
    with pytest.raises(AssertionError, match="edited"):
        run_script(old_database.dsn, script)


def test_another_prefix_than_the_installation_s_is_refused(old_database: Database) -> None:
    text = deploy.script(from_version="0.1.0", role_prefix="staging_")

    with pytest.raises(AssertionError, match="have another prefix"):
        run_script(old_database.dsn, text)


def test_a_script_that_waits_too_long_for_traffic_changes_nothing(
    old_database: Database, script: str
) -> None:
    before = records(old_database)
    conn = old_database.connect(autocommit=False)
    conn.execute("select from credits.user_credits for update")
    assert "set local lock_timeout to '5s';" in script

    with pytest.raises(AssertionError, match="lock timeout"):
        run_script(old_database.dsn, script.replace("'5s'", "'100ms'"))

    conn.rollback()
    assert records(old_database) == before


def test_every_released_version_has_a_script() -> None:
    assert RELEASED["0.1.0"] == released.MIGRATIONS[-1]
    with pytest.raises(RefusedError, match="no script") as caught:
        deploy.script(from_version="0.0.9")
    assert all(version in caught.value.hint for version in RELEASED)
