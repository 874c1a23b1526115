"""The plan: which old table is read as what. A TOML file that a person can edit."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from pgcredits.adopt.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = 1


#: Settings that name no column.
_OTHER_SETTINGS = ("table", "sign", "close")


class _Part:
    """A table, and what its columns mean."""

    table: str
    role: ClassVar[str]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Settings, and the columns that they name."""
        found = []
        for one in dataclasses.fields(cast("Any", self)):
            value = getattr(self, one.name)
            names = (value,) if isinstance(value, str) else value
            if one.name == "buckets":
                for bucket in value:
                    found.append((f"bucket {bucket.column}", bucket.column))
                    if bucket.expires not in ("never", "next_reset"):
                        found.append((f"expires of bucket {bucket.column}", bucket.expires))
            elif one.name not in _OTHER_SETTINGS and isinstance(names, tuple):
                found += [(one.name, name) for name in names if name]
        return found


@dataclass(frozen=True)
class Bucket:
    """A column with a balance, and what becomes of it.

    Attributes:
        column: The old column.
        expires: never; next_reset (a month after the table's reset column, or months after it,
            the first that is to come); or a column that says when.
        priority: Of the lot: lower is spent first.
        unit_price_usd: US dollars that one credit had cost, 0 = free; None = unknown.
    """

    column: str
    expires: str = "never"
    priority: int = 100
    unit_price_usd: float | None = None


@dataclass(frozen=True)
class Balances(_Part):
    """A table whose rows say what users have left.

    Attributes:
        table: With its schema.
        key: The column that identifies a row.
        user: Whose it is.
        buckets: The columns that hold credits. They add up: where one of them includes another,
            leave one away.
        reset: When the monthly credits were last given; empty = they have no such column.
        tier: The column with the user's subscription; empty = there is none, or it stays behind.
        tiers: Which of credits.plans each of its words is; a word that is missing is none.
        allowance: What a tier brings in a month: where it says so, the plan must bring the same.
        summed: There are no such columns: the balance is the sum of this history.
        close: What is refused after the cut-over: table (every write), columns (a change of the
            buckets), or nothing.
    """

    role: ClassVar[str] = "balances"

    table: str
    key: str
    user: str
    buckets: tuple[Bucket, ...] = ()
    reset: str = ""
    tier: str = ""
    allowance: str = ""
    summed: bool = False
    close: str = "table"
    tiers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class History(_Part):
    """A table whose rows say what happened to credits.

    Attributes:
        table: With its schema.
        key: The column that identifies a row.
        user: Whose it is.
        at: When it happened; empty = it does not say.
        amount: How many credits; empty where credit and debit say it.
        credit: Credits that came.
        debit: Credits that went.
        sign: stored (amounts have their sign), kind (the kind gives it), or columns.
        kind: The column whose words say what a row did; empty = the sign says it.
        kinds: What its words mean: grant, charge, refund, expiry, or other.
        after: The balance after the row; empty = there is none.
        reference: What it belongs to: a task, a payment.
        cost: US dollars that the provider's work cost.
        close: table, or nothing.
    """

    role: ClassVar[str] = "history"

    table: str
    key: str
    user: str
    at: str = ""
    amount: str = ""
    credit: str = ""
    debit: str = ""
    sign: str = "kind"
    kind: str = ""
    after: str = ""
    reference: str = ""
    cost: str = ""
    close: str = "table"
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refunds(_Part):
    """A log of refunds.

    Attributes:
        table: With its schema.
        key: The column that identifies a row.
        user: Whose it is.
        task: The task that was refunded.
        credits: How many came back.
        close: table, or nothing.
    """

    role: ClassVar[str] = "refunds"

    table: str
    key: str
    user: str
    task: str
    credits: str
    close: str = "table"


@dataclass(frozen=True)
class Tasks(_Part):
    """A table whose rows are paid attempts at a provider.

    Attributes:
        table: With its schema.
        key: The column that identifies a row. A uuid becomes the generation's id.
        user: Who paid.
        credits: What was charged.
        status: The column whose words say where it stands.
        statuses: What they mean: pending, processing, succeeded, failed, cancelled, timed_out.
        created: When it was started.
        finished: Columns that say when it ended, the first that is not null.
        provider: Who did the work; empty = unknown.
        type: What was made; empty = unknown.
        task_ids: Columns with the provider's id of it, the first that is not null.
        cost: US dollars that the provider's work cost.
        error_type: The kind of failure.
        error_message: What was said of it.
        refunded_flag: Whether its credits came back.
        refunded_credits: How many came back.
        refunded_at: When they came back.
        refunded_status: A word on it: done, completed, refunded, processed, or success.
        close: table, or nothing.
    """

    role: ClassVar[str] = "tasks"

    table: str
    key: str
    user: str
    credits: str
    status: str
    created: str = ""
    finished: tuple[str, ...] = ()
    provider: str = ""
    type: str = ""
    task_ids: tuple[str, ...] = ()
    cost: str = ""
    error_type: str = ""
    error_message: str = ""
    refunded_flag: str = ""
    refunded_credits: str = ""
    refunded_at: str = ""
    refunded_status: str = ""
    close: str = "table"
    statuses: Mapping[str, str] = field(default_factory=dict)


Part: TypeAlias = Balances | History | Refunds | Tasks


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        schemas: Where the older system is.
        user_ids: uuid (they are), or md5 (they become md5(id::text)::uuid).
        credits_per_unit: What one unit of the old balance is in whole credits.
        negatives: Of balances below 0: zero (forgive), or stop.
        in_flight: Of tasks that have not ended: adopt (as generations in flight), or owe (as
            failed, owed).
        stuck_after_days: Tasks in flight for longer count as timed out, and are owed.
        unnamed_refunds: Refunds that name no task: count (the user's oldest failures come first),
            or ignore.
    """

    schemas: tuple[str, ...]
    user_ids: str = "uuid"
    credits_per_unit: int = 1
    negatives: str = "zero"
    in_flight: str = "adopt"
    stuck_after_days: int = 1
    unnamed_refunds: str = "count"
    balances: tuple[Balances, ...] = ()
    history: tuple[History, ...] = ()
    refunds: tuple[Refunds, ...] = ()
    tasks: tuple[Tasks, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that it reads."""
        return (*self.balances, *self.history, *self.refunds, *self.tasks)

    @property
    def all_schemas(self) -> tuple[str, ...]:
        """Where it looks, and where its tables are."""
        of_tables = (part.table.split(".", 1)[0] for part in self.parts)
        return tuple(dict.fromkeys((*self.schemas, *of_tables)))

    @property
    def reads_refunds(self) -> bool:
        """Whether anything that it reads says what came back."""
        return bool(
            self.refunds
            or any("refund" in part.kinds.values() for part in self.history)
            or any(
                part.refunded_flag or part.refunded_at or part.refunded_status
                or part.refunded_credits
                for part in self.tasks
            )
        )  # fmt: skip

    def closed_tables(self) -> list[str]:
        """The tables that the cut-over locks, in the order in which they are locked."""
        return sorted({part.table for part in self.parts if part.close != "nothing"})


CHOICES = {
    "user_ids": ("uuid", "md5"),
    "negatives": ("zero", "stop"),
    "in_flight": ("adopt", "owe"),
    "unnamed_refunds": ("count", "ignore"),
    "sign": ("stored", "kind", "columns"),
    "close": ("table", "columns", "nothing"),
    "kinds": ("grant", "charge", "refund", "expiry", "other"),
    "statuses": ("pending", "processing", "succeeded", "failed", "cancelled", "timed_out"),
}
_PARTS: dict[str, Any] = {
    "balances": Balances,
    "history": History,
    "refunds": Refunds,
    "tasks": Tasks,
    "buckets": Bucket,
}


def read_plan(path: Path) -> Plan:
    """Read a plan from a file.

    Raises:
        PlanError: It cannot be read, or something in it is not understood: what, and where.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(
            f"the plan cannot be read: {error.strerror}: {path}", "Write one: pgcredits adopt plan."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is not TOML: {error}", "Correct it there.") from None
    if document.pop("version", None) != VERSION:
        raise PlanError(
            f"{path}: version is not {VERSION}", "Write a new plan: pgcredits adopt plan."
        )
    plan: Plan = _made(Plan, document, str(path))
    return plan


def _made(what: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise PlanError(f"{where}: expected a table of settings", "See the plan's comments.")
    known = {one.name: one for one in dataclasses.fields(what)}
    made: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{where}: {name}"
        if name not in known:
            raise PlanError(
                f"{here} is unknown", f"There are: {', '.join(sorted(known))}. Leave it away."
            )
        made[name] = _value(name, value, str(known[name].type), here)
    missing = [
        name
        for name, one in known.items()
        if name not in made
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise PlanError(f"{where}: {missing[0]} is missing", "Say which, or leave the part away.")
    return what(**made)


def _value(name: str, value: Any, kind: str, where: str) -> Any:
    if name in _PARTS:
        if not isinstance(value, list):
            raise PlanError(f"{where} must be a list", f"Write [[{name}]] before each.")
        return tuple(
            _made(_PARTS[name], one, f"{where} {n}") for n, one in enumerate(value, start=1)
        )
    if kind.startswith("Mapping"):
        words = value if isinstance(value, dict) else {}
        for word, meaning in words.items():
            if name in CHOICES and meaning not in CHOICES[name]:
                raise PlanError(
                    f"{where}: {word} = {meaning!r} is none of ours",
                    f"What does it mean? One of {', '.join(CHOICES[name])}.",
                )
        return dict(words)
    if kind.startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise PlanError(f"{where} must be a list of names", 'Write ["first", "second"].')
        return tuple(value)
    wanted: Any = {"int": int, "bool": bool, "str": str}.get(kind, (int, float))
    if not isinstance(value, wanted) or (kind != "bool" and isinstance(value, bool)):
        raise PlanError(f"{where} must be of another type", f"It is of type {kind}.")
    if name in CHOICES and value not in CHOICES[name]:
        raise PlanError(f"{where} is {value!r}", f"It is one of {', '.join(CHOICES[name])}.")
    if name in ("credits_per_unit", "stuck_after_days") and value < 1:
        raise PlanError(f"{where} is {value}", "It is 1 or more.")
    return value
