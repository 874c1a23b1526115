"""``rollback``: take everything out again, down to the last schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.connections import connect
from pgcredits.deploy.definitions import Installer
from pgcredits.deploy.manifest import is_installed, read_installed, read_live
from pgcredits.deploy.outcome import DeployReport
from pgcredits.deploy.preconditions import become, find_schemas, require_known
from pgcredits.deploy.session import (
    DEFAULT_WAIT_SECONDS,
    Connection,
    execute,
    in_transaction,
    pin_settings,
    scalar,
)
from pgcredits.errors import RefusedError
from pgcredits.roles import read_roles
from pgcredits.sources import read_package

if TYPE_CHECKING:
    from pathlib import Path

    from pgcredits.deploy.session import OnStep
    from pgcredits.sources import Package

_DROP_RECORDS = """
drop table
    credits_deploy._yoyo_log,
    credits_deploy._yoyo_migration,
    credits_deploy._yoyo_version,
    credits_deploy.yoyo_lock,
    credits_deploy.deployments,
    credits_deploy.manifest;
drop schema credits_deploy;
"""


def rollback(
    conninfo: str,
    *,
    destroy_data: bool = False,
    wait: float = DEFAULT_WAIT_SECONDS,
    root: Path | None = None,
    on_step: OnStep | None = None,
) -> DeployReport:
    """Remove the whole installation in one transaction. Roles stay: other databases use them.

    Args:
        conninfo: The database; its user owns the installation, or may act for the owner.
        destroy_data: Go on although the ledger has rows.
        wait: For how many seconds to go on trying while others hold locks.
        root: The folder that holds the SQL folders, if not the package's own.
        on_step: Called with a description before each step.

    Raises:
        NewerDatabaseError: A newer package has deployed this database.
        RefusedError: The ledger has rows, an object that is not ours is in the way, or a right is
            missing. Nothing was changed.
        ConnectionFailedError: The database cannot be reached.
    """
    package = read_package(root)
    step = on_step or (lambda _: None)
    with connect(conninfo) as conn:
        report = in_transaction(
            conn, wait, lambda: _rollback(conn, package, step, destroy_data=destroy_data)
        )
        step("committed")
    return report


def _rollback(
    conn: Connection, package: Package, on_step: OnStep, *, destroy_data: bool
) -> DeployReport:
    on_step("look")
    if not is_installed(conn):
        return DeployReport(package.version)
    installed = read_installed(conn)
    package = read_roles(conn).in_package(package)
    require_known(package, installed)
    become(conn, installed.owner)
    if not destroy_data:
        _require_empty_ledger(conn)

    live = read_live(conn)
    ours = [k for k, o in installed.objects.items() if o.file and k in live]
    installer = Installer(conn, live, installed.objects, on_step)
    for key in sorted(ours, reverse=True):  # views before functions
        installer.drop(key)
    undone = [m for m in reversed(package.migrations) if m.name in installed.history]
    for migration in undone:
        on_step(f"rollback {migration.name}")
        execute(conn, migration.rollback_sql, migration.rollback_path)
        pin_settings(conn)
    on_step("drop records")
    execute(conn, _DROP_RECORDS, "the deployer's records")
    if left := find_schemas(conn):
        raise RefusedError(f"the rollback files left schema {', '.join(left)}")
    on_step("commit")
    return DeployReport(
        package.version,
        migrations=tuple(m.name for m in undone),
        dropped=tuple(sorted(installer.dropped)),
    )


def _require_empty_ledger(conn: Connection) -> None:
    """Refuse while the ledger has a row; its lock keeps others from writing one."""
    if scalar(conn, "select to_regclass('credits.credit_transactions')") is None:
        return
    execute(conn, "lock table credits.credit_transactions in access exclusive mode")
    if scalar(conn, "select exists (select from credits.credit_transactions)"):
        raise RefusedError(
            "the ledger has rows, and a rollback destroys them",
            "Take a dump; --destroy-data goes on regardless.",
        )
