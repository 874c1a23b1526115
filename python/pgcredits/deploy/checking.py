"""``check``: name what differs from what was installed, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.connections import connect
from pgcredits.deploy import grants
from pgcredits.deploy.findings import Finding, Kind, compare
from pgcredits.deploy.manifest import is_installed, read_installed, read_live
from pgcredits.deploy.outcome import CheckReport
from pgcredits.deploy.roles import find_missing_roles
from pgcredits.deploy.session import DEFAULT_WAIT_SECONDS, Connection, in_transaction
from pgcredits.deploy.smoke import smoke_test
from pgcredits.sources import read_package

if TYPE_CHECKING:
    from pathlib import Path

    from pgcredits.sources import Package


def check(
    conninfo: str,
    *,
    smoke: bool = False,
    wait: float = DEFAULT_WAIT_SECONDS,
    root: Path | None = None,
) -> CheckReport:
    """Compare the database with the package and with what the last deploy left.

    Args:
        conninfo: The database; its user owns the installation, or may act for the owner.
        smoke: Also grant, deduct and refund, in a transaction that is rolled back.
        wait: For how many seconds to wait for a deploy to end.
        root: The folder that holds the SQL folders, if not the package's own.

    Raises:
        RefusedError: A right to look is missing.
        ConnectionFailedError: The database cannot be reached.
    """
    package = read_package(root)
    with connect(conninfo) as conn:
        report = in_transaction(conn, wait, lambda: _check(conn, package), read_only=True)
        installed = not any(f.kind is Kind.NOT_INSTALLED for f in report.findings)
        if smoke and installed and (failure := smoke_test(conn)):
            found = Finding(Kind.SMOKE, "database", conn.info.dbname, failure)
            findings = sorted([*report.findings, found], key=lambda f: f.kind.exit_status)
            return CheckReport(report.version, tuple(findings), report.kept_grants)
        return report


def _check(conn: Connection, package: Package) -> CheckReport:
    if not is_installed(conn):
        found = Finding(Kind.NOT_INSTALLED, "database", conn.info.dbname, "no pgcredits here")
        return CheckReport(package.version, (found,))
    live = read_live(conn)
    roles = [
        Finding(Kind.MISSING, "role", missing.role, f"to be made by a DBA: {missing.statement}")
        for missing in find_missing_roles(conn)
    ]
    findings = compare(package, read_installed(conn), live, conn.info.server_version // 10_000)
    ranked = sorted([*findings, *roles], key=lambda f: f.kind.exit_status)
    return CheckReport(package.version, tuple(ranked), grants.list_kept(live.values()))
