"""What the deploy functions return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcredits.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.deploy.findings import Finding


@dataclass(frozen=True)
class DeployReport:
    """What a deploy or a rollback did.

    Attributes:
        version: The package's.
        migrations: Ids of the migrations applied (or rolled back), in that order.
        applied: Functions and views made from their files, and roles that took the place of others.
        dropped: Functions and views dropped, as their files are gone.
        kept_grants: Grants by which roles that are not ours may read our views; we keep them.
        lost_grants: Such grants on columns that are gone.
        warnings: What the server warned of, such as a value that a migration had to change, and
            roles that may do more, or less, than they should.
        remaining: Findings that a deploy cannot repair. A change by hand of an object that a
            migration changed, too, is named this once.
    """

    version: str
    migrations: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    kept_grants: tuple[str, ...] = ()
    lost_grants: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    remaining: tuple[Finding, ...] = ()

    def lines(self) -> Iterator[str]:
        """The report for people."""
        did = [
            *(f"migration {name}" for name in self.migrations),
            *(f"applied {name}" for name in self.applied),
            *(f"dropped {name}" for name in self.dropped),
        ]
        yield from did or ["nothing to do"]
        yield from (f"kept: {grant}" for grant in self.kept_grants)
        yield from (f"lost: {grant}" for grant in self.lost_grants)
        yield from (f"warning: {warning}" for warning in self.warnings)
        yield from (f"remains: {finding}" for finding in self.remaining)


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        version: The package's.
        findings: The gravest first; none means that all is as it should be.
        kept_grants: Grants by which roles that are not ours may read our views.
        warnings: Roles of other databases' applications that could connect and act here.
    """

    version: str
    findings: tuple[Finding, ...] = ()
    kept_grants: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_status(self) -> ExitStatus:
        """The gravest finding's; 0 when there is none."""
        return self.findings[0].kind.exit_status if self.findings else ExitStatus.OK

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield from map(str, self.findings) if self.findings else ["all is as it should be"]
        yield from (f"read by others: {grant}" for grant in self.kept_grants)
        yield from (f"warning: {warning}" for warning in self.warnings)
