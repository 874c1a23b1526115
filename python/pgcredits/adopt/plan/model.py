"""The plan: which old table is read as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct, field
from msgspec.structs import fields

AtLeast1: TypeAlias = Annotated[int, Meta(ge=1)]
UserIds: TypeAlias = Literal["uuid", "md5"]
Negatives: TypeAlias = Literal["zero", "stop"]
InFlight: TypeAlias = Literal["adopt", "owe"]
UnnamedRefunds: TypeAlias = Literal["count", "ignore"]
Sign: TypeAlias = Literal["stored", "kind", "columns"]
Kind: TypeAlias = Literal["grant", "charge", "refund", "expiry", "other"]
Status: TypeAlias = Literal[
    "pending", "processing", "succeeded", "failed", "cancelled", "timed_out"
]
Close: TypeAlias = Literal["table", "nothing"]
CloseBalances: TypeAlias = Literal["table", "columns", "nothing"]

#: Settings whose texts name no column.
_NO_COLUMNS = ("table", "sign", "close")


class Bucket(Struct, frozen=True, forbid_unknown_fields=True):
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
    # An int stays one: the fingerprint of a table's settings tells 0 from 0.0.
    unit_price_usd: int | float | None = None


class OldTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A table, and what its columns mean.

    Attributes:
        table: With its schema.
        key: The column that identifies a row.
        user: Whose it is.
    """

    role: ClassVar[str]

    table: str
    key: str
    user: str

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Settings, and the columns that they name."""
        found = []
        for setting in (one.name for one in fields(self)):
            value = getattr(self, setting)
            names = (value,) if isinstance(value, str) else value
            if setting not in _NO_COLUMNS and isinstance(names, tuple):
                found += [(setting, name) for name in names if name and isinstance(name, str)]
        return found


class Balances(OldTable, frozen=True):
    """A table whose rows say what users have left.

    Attributes:
        table: With its schema.
        key: The column that identifies a row.
        user: Whose it is.
        buckets: The columns that hold credits. They add up: where one of them includes another,
            leave one out.
        reset: When the monthly credits were last given; empty = they have no such column.
        tier: The column with the user's subscription; empty = there is none, or it stays behind.
        tiers: Which of credits.plans each of its words is; a word that is missing is none.
        allowance: What a tier brings in a month: where it says so, the plan must bring the same.
        summed: There are no such columns: the balance is the sum of this history.
        close: What is refused after the cut-over: table (every write), columns (a change of the
            buckets), or nothing.
    """

    role: ClassVar[str] = "balances"

    buckets: tuple[Bucket, ...] = ()
    reset: str = ""
    tier: str = ""
    allowance: str = ""
    summed: bool = False
    close: CloseBalances = "table"
    tiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Settings, and the columns that they name, with those of the buckets."""
        found = super().columns
        for bucket in self.buckets:
            found.append((f"bucket {bucket.column}", bucket.column))
            if bucket.expires not in ("never", "next_reset"):
                found.append((f"expires of bucket {bucket.column}", bucket.expires))
        return found


class History(OldTable, frozen=True):
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

    at: str = ""
    amount: str = ""
    credit: str = ""
    debit: str = ""
    sign: Sign = "kind"
    kind: str = ""
    after: str = ""
    reference: str = ""
    cost: str = ""
    close: Close = "table"
    # In a plan made by discovery, not read from a file, a word may also be vocabulary.UNKNOWN.
    kinds: Mapping[str, Kind] = field(default_factory=dict)


class Refunds(OldTable, frozen=True):
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

    task: str
    credits: str
    close: Close = "table"


class Tasks(OldTable, frozen=True):
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
    close: Close = "table"
    # As in kinds of History, a word may also be vocabulary.UNKNOWN.
    statuses: Mapping[str, Status] = field(default_factory=dict)


Part: TypeAlias = Balances | History | Refunds | Tasks


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """How an older system is moved over.

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
    user_ids: UserIds = "uuid"
    credits_per_unit: AtLeast1 = 1
    negatives: Negatives = "zero"
    in_flight: InFlight = "adopt"
    stuck_after_days: AtLeast1 = 1
    unnamed_refunds: UnnamedRefunds = "count"
    balances: tuple[Balances, ...] = ()
    history: tuple[History, ...] = ()
    refunds: tuple[Refunds, ...] = ()
    tasks: tuple[Tasks, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tables that the plan reads, in each of their roles."""
        return (*self.balances, *self.history, *self.refunds, *self.tasks)

    @property
    def all_schemas(self) -> tuple[str, ...]:
        """The schemas that it names, and those of its tables."""
        of_tables = (part.table.split(".", 1)[0] for part in self.parts)
        return tuple(dict.fromkeys((*self.schemas, *of_tables)))

    @property
    def reads_refunds(self) -> bool:
        """Whether any table that it reads records refunds."""
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
