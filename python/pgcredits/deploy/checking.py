"""``check``: name what differs from what was installed, and change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgcredits.connections import connect
from pgcredits.deploy import grants
from pgcredits.deploy.findings import Finding, Kind, compare
from pgcredits.deploy.manifest import is_installed, read_installed, read_live
from pgcredits.deploy.outcome import CheckReport
from pgcredits.deploy.roles import (
    find_idle_members,
    find_intruders,
    find_missing_roles,
)
from pgcredits.deploy.session import (
    DEFAULT_WAIT_SECONDS,
    Connection,
    in_transaction,
    require_primary,
)
from pgcredits.deploy.smoke import smoke_test
from pgcredits.roles import read_roles
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
        RefusedError: A right to look is missing, or a smoke test is wanted of a standby.
        ConnectionFailedError: The database cannot be reached.
    """
    package = read_package(root)
    with connect(conninfo) as conn:
        if smoke:
            require_primary(conn, "check --smoke")
        report = in_transaction(conn, wait, lambda: _check(conn, package), read_only=True)
        installed = not any(f.kind is Kind.NOT_INSTALLED for f in report.findings)
        if smoke and installed:
            findings = [*report.findings, *_smoke(conn)]
            report = replace(report, findings=_ranked(findings))
        return report


def _check(conn: Connection, package: Package) -> CheckReport:
    if not is_installed(conn):
        found = Finding(Kind.NOT_INSTALLED, "database", conn.info.dbname, "no pgcredits here")
        return CheckReport(package.version, (found,))
    live = read_live(conn)
    roles = read_roles(conn)
    missing = [
        Finding(Kind.MISSING, "role", role, f"to be made by a DBA: {statement}")
        for role, statement in find_missing_roles(conn, roles)
    ]
    findings = compare(package, read_installed(conn), live, conn.info.server_version // 10_000)
    return CheckReport(
        package.version,
        _ranked([*findings, *missing]),
        grants.list_kept(live.values()),
        find_intruders(conn, roles),
    )


def _smoke(conn: Connection) -> list[Finding]:
    """What goes wrong with calls, and whose calls would be refused."""
    failure = smoke_test(conn)
    wrong = [Finding(Kind.SMOKE, "database", conn.info.dbname, failure)] if failure else []
    idle = find_idle_members(conn, read_roles(conn))
    return [*wrong, *(Finding(Kind.SMOKE, "role", member, detail) for member, detail in idle)]


def _ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: f.kind.exit_status))
