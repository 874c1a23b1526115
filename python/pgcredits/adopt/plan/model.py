"""The plan: which old table is read as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

from msgspec import Meta, Struct, field
from msgspec.structs import fields

from pgcredits.adopt.source.vocabulary import STATUSES

AtLeast0: TypeAlias = Annotated[int, Meta(ge=0)]
AtLeast1: TypeAlias = Annotated[int, Meta(ge=1)]
Priority: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
#: An int stays one: the earlier fingerprints of a table tell 0 from 0.0.
Price: TypeAlias = Annotated[int, Meta(ge=0, lt=10**9)] | Annotated[float, Meta(ge=0, lt=10**9)]
UserIds: TypeAlias = Literal["uuid", "external", "md5"]
Negatives: TypeAlias = Literal["zero", "stop"]
InFlight: TypeAlias = Literal["adopt", "owe"]
UnnamedRefunds: TypeAlias = Literal["count", "ignore"]
Rounding: TypeAlias = Literal["refuse", "nearest"]
Explains: TypeAlias = Literal["", "balances", "month", "nothing"]
Sign: TypeAlias = Literal["stored", "kind", "both", "columns"]
Kind: TypeAlias = Literal["grant", "charge", "refund", "expiry", "other"]
Status: TypeAlias = Literal[
    "pending", "processing", "succeeded", "failed", "cancelled", "timed_out"
]
Close: TypeAlias = Literal["table", "nothing"]
CloseBalances: TypeAlias = Literal["table", "columns", "nothing"]

#: Settings whose texts name no column.
_NO_COLUMNS = ("table", "sign", "close", "void", "explains", "accounts", "sums", "replaces")

_USUAL_STATUSES = cast(
    "dict[str, Status]", {word: status for status, words in STATUSES.items() for word in words}
)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a plan that belong together."""


class Bucket(Settings, frozen=True):
    """A column with a balance, and what becomes of it.

    Attributes:
        column: The column that holds the credits.
        expires: When its credits expire: never; next_reset (a whole number of months after the time
            in the table's reset column, the first that is still to come); or the name of a column
            with the time.
        priority: The priority of the lot that it becomes: a lower number is spent first.
        unit_price_usd: US dollars that were paid for one credit, 0 = free; left out = unknown.
        includes: Buckets of the same table whose credits are part of this one's: one name, or a
            list. They keep their own expiry, and what is left of this one is its own.
    """

    column: str
    expires: str = "never"
    priority: Priority = 100
    unit_price_usd: Price | None = None
    includes: str | tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The buckets that it includes."""
        return (self.includes,) if isinstance(self.includes, str) else self.includes


class OldTable(Settings, frozen=True):
    """A table, and what its columns mean.

    Attributes:
        table: The table, with its schema.
        key: The column that identifies a row.
        user: The column that says whose row it is.
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
        table: The table, with its schema.
        key: The column that identifies a row.
        user: The column that says whose row it is.
        buckets: The columns that hold credits. They add up, but for those that another includes.
        reset: The column that says when monthly credits were last given; empty = there is none.
        tier: The column with the user's subscription; empty = there is none, or it stays behind.
        tiers: Which plan in credits.plans each word of tier stands for, in whatever case; users
            with any other word get no plan. A word with an allowance, as "pro/200", stands for
            the users of the tier who were promised so much.
        allowance: The column with the credits that a tier brings in a month: where it has a number,
            the plan must bring the same to most users of a tier, and less to nobody.
        summed: Whether the balance is the sum of this history, since no column holds it.
        sums: Further histories whose rows count in that sum.
        close: What is refused after the cut-over: table (every write), columns (a change of the
            buckets), or nothing.
        dead: The column that says that a row counts no more: true, or a time; empty = all count.
        accounts: Where user names no user but an account: the table of accounts, its key, and its
            column with the user.
        writable: Whether adopt compat leaves a view in the table's place that applications go on to
            write: what they change becomes a charge, a refund or a grant.
    """

    role: ClassVar[str] = "balances"

    buckets: tuple[Bucket, ...] = ()
    reset: str = ""
    tier: str = ""
    allowance: str = ""
    summed: bool = False
    close: CloseBalances = "table"
    tiers: Mapping[str, str] = field(default_factory=dict)
    dead: str = ""
    accounts: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    writable: bool = False

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Settings, and the columns that they name, with those of the buckets."""
        found = super().columns
        for bucket in self.buckets:
            found.append((f"bucket {bucket.column}", bucket.column))
            if bucket.expires not in ("never", "next_reset"):
                found.append((f"expires of bucket {bucket.column}", bucket.expires))
            found += [(f"includes of bucket {bucket.column}", name) for name in bucket.parts]
        return found


class History(OldTable, frozen=True):
    """A table whose rows say what happened to credits.

    Attributes:
        table: The table, with its schema.
        key: The column that identifies a row.
        user: The column that says whose row it is.
        at: The column that says when it happened; empty = there is none.
        amount: The column with the number of credits; empty where credit and debit have it.
        credit: The column with credits that came.
        debit: The column with credits that went.
        sign: Where the sign of an amount comes from: stored (the amount itself), kind (its kind),
            both (its kind, and an amount below 0 does the opposite), or columns (credit and debit).
        kind: The column whose words say what a row did; empty = the sign says it.
        kinds: What each word of kind means: grant, charge, refund, expiry, or other.
        after: The column with the balance after the row; empty = there is none.
        reference: The column that says what a row belongs to: a task, a payment; or a list of such
            columns, of which the first that is not null counts.
        cost: The column with the US dollars that the provider's work cost.
        close: What is refused after the cut-over: table (every write), or nothing.
        status: The column whose words say whether a row happened; empty = every row did.
        void: Words of status of rows that did not happen: they moved nothing.
        dead: The column that says that a row counts no more: true, or a time; empty = all count.
        opening: Credits that each user had before the first of these rows.
        explains: What its rows explain, which run proves the balances by: balances (all that users
            have), month (what became of monthly credits since the last reset), or nothing; left out
            = balances where a row brings credits.
        accounts: Where user names no user but an account: the table of accounts, its key, and its
            column with the user.
    """

    role: ClassVar[str] = "history"

    at: str = ""
    amount: str = ""
    credit: str = ""
    debit: str = ""
    sign: Sign = "kind"
    kind: str = ""
    after: str = ""
    reference: str | tuple[str, ...] = ""
    cost: str = ""
    close: Close = "table"
    # In a plan made by discovery, not read from a file, a word may also be vocabulary.UNKNOWN.
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    status: str = ""
    void: tuple[str, ...] = ()
    dead: str = ""
    opening: int = 0
    explains: Explains = ""
    accounts: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """The columns that say what a row belongs to, the first that is not null."""
        return (self.reference,) if isinstance(self.reference, str) else self.reference


class Refunds(OldTable, frozen=True):
    """A log of refunds.

    Attributes:
        table: The table, with its schema.
        key: The column that identifies a row.
        user: The column that says whose row it is.
        task: The column that names the task that was refunded.
        credits: The column with the credits that came back.
        close: What is refused after the cut-over: table (every write), or nothing.
        status: The column whose words say whether a refund happened; empty = every one did.
        void: Words of status of refunds that did not happen.
        dead: The column that says that a row counts no more: true, or a time; empty = all count.
        accounts: Where user names no user but an account: the table of accounts, its key, and its
            column with the user.
    """

    role: ClassVar[str] = "refunds"

    task: str
    credits: str
    close: Close = "table"
    status: str = ""
    void: tuple[str, ...] = ()
    dead: str = ""
    accounts: tuple[str, ...] = ()


class Tasks(OldTable, frozen=True):
    """A table whose rows are paid attempts at a provider.

    Attributes:
        table: The table, with its schema.
        key: The column that identifies a row. A uuid becomes the generation's id.
        user: The column that says who paid.
        credits: The column with the credits that were charged.
        status: The column whose words say how far the task is.
        statuses: What each word of status means: pending, processing, succeeded, failed, cancelled,
            timed_out.
        created: The column that says when it was started.
        finished: Columns that say when it ended, the first that is not null.
        provider: The column that says who did the work; empty = unknown.
        type: The column that says what was made; empty = unknown.
        task_ids: Columns with the provider's id of the task, the first that is not null.
        cost: The column with the US dollars that the provider's work cost.
        error_type: The column with the kind of failure.
        error_message: The column with the message of the failure.
        refunded_flag: The column that is true where the credits came back.
        refunded_credits: The column that says how many credits came back.
        refunded_at: The column that says when they came back.
        refunded_status: The column that says so in a word: done, completed, refunded, processed, or
            success.
        close: What is refused after the cut-over: table (every write), or nothing: whatever the
            application writes there becomes generations, and a failure is refunded.
        replaces: Functions of triggers of a table that stays open, which would fail after the
            cut-over: these triggers are disabled then.
        accounts: Where user names no user but an account: the table of accounts, its key, and its
            column with the user.
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
    close: Close = "nothing"
    replaces: tuple[str, ...] = ()
    # As in kinds of History, a word may also be vocabulary.UNKNOWN.
    statuses: Mapping[str, Status] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()

    @property
    def is_mirrored(self) -> bool:
        """Whether it stays open, and what is written there becomes generations."""
        return self.close == "nothing"

    @property
    def known_statuses(self) -> Mapping[str, Status]:
        """What words mean: into a table that stays open the usual ones may be written later."""
        if not self.is_mirrored:
            return self.statuses
        return {**_USUAL_STATUSES, **self.statuses}


Part: TypeAlias = Balances | History | Refunds | Tasks


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """How an older system is moved over.

    Attributes:
        schemas: The schemas of the older system.
        user_ids: uuid (users' ids are uuids), external (they are texts or numbers, and become
            credits.user_id(id::text)), or md5 (as version 0.1.0 brought such ids over:
            md5(id::text)::uuid).
        credits_per_unit: How many credits one unit of an old balance becomes.
        negatives: What becomes of balances below 0: zero (they are forgiven), or stop (nothing is
            moved).
        in_flight: What becomes of tasks that have not ended: adopt (they go on as generations in
            flight), or owe (they failed, and their refund is owed).
        stuck_after_days: Tasks that are in flight for longer count as timed out, and their refund
            is owed.
        unnamed_refunds: What becomes of refunds that name no task: count (for the user's oldest
            failures), or ignore.
        rounding: What becomes of a part of a credit: refuse (nothing is moved), or nearest (each
            balance becomes the nearest whole number).
        accept_difference: By how many credits, all users' differences together, the balances may
            differ from what the old history and code say: more stops the run.
        undecided: Questions that nothing in the database answers: one that is left stops the run.
        accept_failing: Trigger functions, and foreign keys that are set to null, that will fail
            after the cut-over, and with them whatever fires them: run refuses to begin until each
            is named here.
        not_credits: Tables whose names speak of credits, and that keep none: run refuses to begin
            until each table that the plan does not read is named here.
        unused: Tables and functions beside the credits that nothing uses any more: cleanup looks at
            these, and at no others.
        compat_max_rise: How many credits a write to a table that is writable may add that is the
            refund of no charge; more is refused.
    """

    schemas: tuple[str, ...]
    user_ids: UserIds = "uuid"
    credits_per_unit: AtLeast1 = 1
    negatives: Negatives = "zero"
    in_flight: InFlight = "adopt"
    stuck_after_days: AtLeast1 = 1
    unnamed_refunds: UnnamedRefunds = "count"
    rounding: Rounding = "refuse"
    accept_difference: AtLeast0 = 0
    undecided: tuple[str, ...] = ()
    accept_failing: tuple[str, ...] = ()
    not_credits: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    compat_max_rise: AtLeast0 = 0
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
        named = (name for part in self.parts for name in (part.table, *part.accounts[:1]))
        of_tables = (name.split(".", 1)[0] for name in named)
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

    @property
    def mirrored(self) -> tuple[Tasks, ...]:
        """The tables of tasks that stay open."""
        return tuple(part for part in self.tasks if part.is_mirrored)

    def locked_tables(self) -> list[str]:
        """The tables that the cut-over locks, in the order in which they are locked."""
        closed = {part.table for part in self.parts if part.close != "nothing"}
        return sorted(closed | {part.table for part in self.mirrored})
