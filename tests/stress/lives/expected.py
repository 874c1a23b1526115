"""What must become of a generation: a model of the table of its life, and of nothing else.

What a cell leaves open is settled here as the page's text and the functions' comments say:

- The credits due never fall, and every payer pays what is due less what was refunded before.
- A cancellation gives all back while the generation is pending, however it is reported.
- A replay stores nothing, unless it is a callback, which is kept, or brings a cost or whether the
  provider bills it, where that was unknown.
- What is kept though it changes nothing is kept once: from the second time on it is counted.
- A callback whose task is not known waits until it is attached.
- The first id of a task is news, also to a generation that is processing already; a finished one
  takes any number of ids. Attaching an id again is a replay.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from stress.lives.table import Branch, Rule, Table

IN_FLIGHT = ("pending", "processing")
UNSUCCESSFUL = ("failed", "cancelled", "timed_out")
ERROR_TYPES = {"cancel": "user_cancelled", "deadline": "timeout"}


class RefusedError(Exception):
    """The call is refused and changes nothing."""

    def __init__(self, sqlstate: str, code: str) -> None:
        super().__init__(f"{sqlstate} {code}")
        self.refusal = (sqlstate, code)


@dataclass(frozen=True)
class Report:
    """What is reported of a generation."""

    event: str
    is_callback: bool = False
    final: int | None = None
    error_type: str | None = None
    cost: Decimal | None = None
    billed: bool | None = None
    task: str | None = None
    is_classified: bool = True


# status, credits_charged, credits_refunded, refunded, balance, applied, replayed
Answer = tuple[
    str | None, int | None, int | None, bool | None, int | None, bool | None, bool | None
]
UNKNOWN_TASK: Answer = (None, None, None, None, None, False, None)


@dataclass
class Life:
    """One generation of a user who was granted so many credits, and what is kept about it."""

    table: Table = field(repr=False)
    percents: Mapping[str, int] = field(repr=False)
    granted: int
    charge: int
    status: str = "pending"
    due: int = 0
    payments: tuple[int, ...] = ()
    task: str | None = None
    is_submitted: bool = False
    tasks: frozenset[str] = frozenset()
    waiting: tuple[tuple[str, Report], ...] = ()
    error_type: str | None = None
    cost: Decimal | None = None
    billed: bool | None = None
    has_late_success: bool = False
    events: int = 1
    # event, status_before, applied, is_callback
    last_event: tuple[str, str | None, bool, bool] = ("started", None, True, False)
    alerts: frozenset[str] = frozenset()
    # Reports that changed nothing, with the status that they met, and how many were the same again.
    idle: frozenset[tuple[str, Report]] = frozenset()
    repeated: int = 0

    @property
    def refunded(self) -> int:
        """The credits that were refunded, by anybody."""
        return sum(self.payments)

    def copy(self) -> Life:
        """A copy of this life, to go on in another way."""
        return copy.copy(self)

    def answer(self, applied: bool, replayed: bool) -> Answer:
        """A row as every function shows it."""
        return (
            self.status,
            self.charge,
            self.refunded,
            self.status in UNSUCCESSFUL and self.refunded > 0,
            self.granted - self.charge + self.refunded,
            applied,
            replayed,
        )

    # --- the calls --------------------------------------------------------------------------------

    def direct(self, report: Report) -> Answer:
        """complete_generation, fail_generation, cancel_generation."""
        return self.answer(*self._hear(report))

    def callback(self, task: str, report: Report) -> Answer:
        """handle_provider_callback."""
        if task not in self.tasks:
            self.waiting += ((task, report),)
            return UNKNOWN_TASK
        return self.answer(*self._hear(report))

    def attach(self, task: str | None) -> Answer:
        """attach_provider_task."""
        outcome = self._attach(task)
        arrived = [report for of, report in self.waiting if of == task]
        self.waiting = tuple(each for each in self.waiting if each[0] != task)
        for report in arrived:
            self._hear(report)
        return self.answer(*outcome)

    def _attach(self, task: str | None) -> tuple[bool, bool]:
        is_known = self.is_submitted if task is None else task in self.tasks
        if is_known and self.status != "processing":
            return False, True
        if self.status == "processing" and self.task is None and not is_known:
            self._keep("submitted", applied=True, is_callback=False)
            outcome = True, False
        else:
            outcome = self._hear(Report("submitted", task=task))
        # Of a finished one, too: the provider had it.
        self.is_submitted = True
        if task is not None:
            self.tasks |= {task}
            if not is_known:
                self.task = self.task or task
        return outcome

    def sweep(self) -> list[int]:
        """sweep_stuck_generations, once the deadline has passed: what each row gave back."""
        if (self.status, "deadline") not in self.table:
            return []
        self._hear(Report("deadline"))
        return [self.refunded]

    def refund(self, amount: int | None) -> tuple[bool, int, int, bool]:
        """refund_user_credits by hand: refunded, credits_refunded, balance, replayed."""
        if self.status in IN_FLIGHT:
            raise RefusedError("PT409", "not_refundable")
        left = self.charge - self.refunded
        if amount is not None and amount > left:
            raise RefusedError("PT409", "over_refund")
        paid = left if amount is None else amount
        if paid > 0:
            self.payments += (paid,)
        return (
            True,
            paid or self.refunded,
            self.granted - self.charge + self.refunded,
            paid == 0,
        )

    # --- the table --------------------------------------------------------------------------------

    def _hear(self, report: Report) -> tuple[bool, bool]:
        """Take one report in; returns whether it was applied, and whether it was a replay."""
        if not report.is_classified:
            if not self._repeats(self.status, report):
                self._keep("unclassified", applied=False, is_callback=True)
            self.alerts |= {"callback_unclassified"}
            return False, False

        branch = self._branch(self.table[self.status, report.event], report)
        told = {effect.kind: effect.names for effect in branch.effects}
        if "refuses" in told:
            raise RefusedError(told["refuses"], "provider_task_conflict")

        applied = "becomes" in told or "applies" in told
        replayed = "replays" in told
        # Each cell says which of three it is.
        assert applied + replayed + ("keeps" in told) == 1, branch

        error_type = ERROR_TYPES.get(report.event, report.error_type)
        self.due = max(self.due, self._due(told, branch, report, error_type))
        is_news = replayed and (
            (self.cost is None and report.cost is not None)
            or (self.billed is None and report.billed is not None)
        )
        before, bill = self.status, (self.cost, self.billed)
        if applied:
            self.status = told.get("becomes", self.status)
            self.is_submitted |= self.status == "processing"
            if error_type is not None:
                self.error_type = error_type
        if applied or is_news or "books" in told:
            self._book(report, replaces=not replayed)
        if "books" in told:
            self.billed = True
            self.has_late_success = True
        is_kept = report.is_callback or is_news or not replayed
        is_idle = not applied and report.event != "submitted"
        can_repeat = is_idle and bill == (self.cost, self.billed)
        if is_kept and not (is_idle and self._repeats(before, report, can_repeat)):
            self._keep(
                report.event, applied=applied, is_callback=report.is_callback, status_before=before
            )
        if applied and self.due > self.refunded:
            self.payments += (self.due - self.refunded,)
        self._alert(told, report)
        return applied, replayed

    def _branch(self, rule: Rule, report: Report) -> Branch:
        """The first whose condition holds."""
        is_same = report.task in (None, self.task) or (
            self.task is None and report.task in self.tasks
        )
        holds = {
            "": True,
            "else": True,
            "same id": is_same,
            "other id": not is_same,
            "lower final price": self._by_price(report) > self.due,
            "more due by the failure's policy": self._by_policy(report.error_type) > self.due,
        }
        return next(branch for branch in rule if holds[branch.condition])

    def _due(
        self, told: Mapping[str, str], branch: Branch, report: Report, error_type: str | None
    ) -> int:
        """What this branch makes due, in the status before it."""
        if "settles by price" in told or branch.condition == "lower final price":
            return self._by_price(report)
        if "settles by percent" in told:
            return self._part(int(told["settles by percent"]))
        if "settles by type" in told:
            assert told["settles by type"] == error_type
            return self._part(self.percents[told["settles by type"]])
        if "settles by policy" in told or "raises" in told:
            return self._by_policy(error_type)
        return 0

    def _by_price(self, report: Report) -> int:
        return self.charge - min(self.charge, self.charge if report.final is None else report.final)

    def _by_policy(self, error_type: str | None) -> int:
        if error_type is None:
            return 0
        if error_type == "user_cancelled" and self.status == "pending":
            return self.charge
        return self._part(self.percents.get(error_type, self.percents["*"]))

    def _part(self, percent: int) -> int:
        return -(-self.charge * percent // 100)

    def _book(self, report: Report, *, replaces: bool) -> None:
        if report.cost is not None and (replaces or self.cost is None):
            self.cost = report.cost
        if report.billed is not None and (replaces or self.billed is None):
            self.billed = report.billed

    def _alert(self, told: Mapping[str, str], report: Report) -> None:
        if "alerts" in told:
            self.alerts |= {told["alerts"]}
        if (told.get("alerts if") == "refunded" and self.refunded > 0) or (
            told.get("alerts if") == "success" and self.has_late_success
        ):
            self.alerts |= {"late_success_after_refund"}
        if report.final is not None and report.final > self.charge and self.status == "succeeded":
            self.alerts |= {"price_above_charge"}

    def _repeats(self, before: str, report: Report, can_repeat: bool = True) -> bool:
        """Whether a report changes nothing, as one before: it is counted then."""
        is_repeat = can_repeat and (before, report) in self.idle
        self.repeated += is_repeat
        self.idle |= {(before, report)}
        return is_repeat

    def _keep(
        self, event: str, *, applied: bool, is_callback: bool, status_before: str | None = None
    ) -> None:
        self.events += 1
        self.last_event = (event, status_before or self.status, applied, is_callback)
