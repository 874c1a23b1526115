"""What a verification of the ledger found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

#: At most so many violations are kept to be shown; all are counted.
KEPT_VIOLATIONS = 1000


@dataclass(frozen=True)
class Violation:
    """One place where the ledger does not prove itself; the columns of verify_ledger."""

    kind: str
    user_id: UUID | None
    transaction_id: UUID | None
    generation_id: UUID | None
    expected: str | None
    actual: str | None
    detail: str


@dataclass
class Verification:
    """What was verified, and what was found.

    Attributes:
        ledger_rows: How many rows were verified (of the one user, where one was asked for).
        users: How many users they belong to.
        total_rows: How many rows the ledger had when the verification began.
        heads_checked: Exported heads that were looked up; None when there was no file.
        heads_saved: Heads that were exported; None when that was not asked for, or not done
            because of violations.
        by_kind: How many violations there are of each kind.
        violations: The first of them.
    """

    ledger_rows: int = 0
    users: int = 0
    total_rows: int = 0
    heads_checked: int | None = None
    heads_saved: int | None = None
    by_kind: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many violations there are."""
        return self.by_kind.total()

    def add(self, found: Iterable[Violation]) -> None:
        """Count them, and keep the first."""
        for violation in found:
            self.by_kind[violation.kind] += 1
            if len(self.violations) < KEPT_VIOLATIONS:
                self.violations.append(violation)

    def add_all(self, other: Verification) -> None:
        """Count what another verification found, too, and take over its extent."""
        self.ledger_rows += other.ledger_rows
        self.users += other.users
        self.total_rows += other.total_rows
        self.by_kind += other.by_kind
        self.violations += other.violations[: KEPT_VIOLATIONS - len(self.violations)]

    def sentence(self) -> str:
        """The result in one line."""
        against = (
            ""
            if self.heads_checked is None
            else f" and {counted(self.heads_checked, 'exported head')}"
        )
        return (
            f"{counted(self.total, 'violation')} in {counted(self.ledger_rows, 'ledger row')} of "
            f"{counted(self.users, 'user')}{against}"
        )


def counted(number: int, noun: str) -> str:
    """A number of things, in words: 1 row, 2,000 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
