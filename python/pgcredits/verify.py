"""Prove the ledger, and that no history has been rewritten since its heads were exported.

A user's ledger rows form a hash chain. Whoever may switch off triggers can rewrite it all, hashes
included, so that it proves itself again; what cannot be rewritten is a list of the heads (the
hash of each user's last row) that was kept elsewhere: each must still be found at its place.
"""

from __future__ import annotations

import csv
import os
import re
import secrets
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import IsolationLevel, errors

from pgcredits.connections import connect
from pgcredits.errors import ConnectionFailedError, PgcreditsError, RefusedError
from pgcredits.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO

    #: Told what is being done, before it is.
    OnStep = Callable[[str], None]
    Connection = psycopg.Connection[Any]

COLUMNS = ["user_id", "last_seq", "ledger_head", "exported_at"]

#: So many violations are kept to be shown; all are counted.
KEPT_VIOLATIONS = 1000

_BATCH = 5000
_HASH = re.compile("[0-9a-f]{64}")

_VIOLATIONS = """
select v.kind, v.user_id, v.transaction_id, v.generation_id, v.expected, v.actual, v.detail
from credits.verify_ledger(%s) as v
"""
_EXTENT = """
select count(*) as ledger_rows, count(distinct s.user_id) as users
from credits_monitoring.user_statement as s
where %s::uuid is null or s.user_id = %s
"""
# User by user, as the tables are indexed: a join could read all of them for each batch.
_LOST_HEADS = """
select h.user_id, h.last_seq, h.ledger_head, t.transaction_id, t.entry_hash, u.last_seq as now_at
from unnest(%s::uuid[], %s::bigint[], %s::text[]) with ordinality
    as h (user_id, last_seq, ledger_head, position)
left join lateral (
    select t.transaction_id, encode(t.entry_hash, 'hex') as entry_hash
    from credits.credit_transactions as t
    where t.user_id = h.user_id and t.seq = h.last_seq
    limit 1
) as t on true
left join lateral (
    select u.last_seq
    from credits.user_credits as u
    where u.user_id = h.user_id and t.entry_hash is null
    limit 1
) as u on true
where t.entry_hash is distinct from h.ledger_head
order by h.position
"""
_EXPORT = """
copy (
    select
        u.user_id,
        u.last_seq,
        encode(u.ledger_head, 'hex') as ledger_head,
        to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as exported_at
    from credits.user_credits as u
    where u.last_seq > 0
    order by u.user_id
) to stdout with (format csv, header)
"""


class HeadsFileError(PgcreditsError):
    """A file of exported heads cannot be read, understood or written."""

    exit_status = ExitStatus.HEADS_FILE


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
        ledger_rows: How many rows the ledger has (of the one user, where one was asked for).
        users: How many users they belong to.
        heads_checked: Exported heads that were looked up; None when there was no file.
        heads_saved: Heads that were exported; None when that was not asked for, or not done
            because of violations.
        by_kind: How many violations there are of each kind.
        violations: The first of them.
    """

    ledger_rows: int = 0
    users: int = 0
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

    def sentence(self) -> str:
        """The result in one line."""
        against = (
            ""
            if self.heads_checked is None
            else f" and {_count(self.heads_checked, 'exported head')}"
        )
        return (
            f"{_count(self.total, 'violation')} in {_count(self.ledger_rows, 'ledger row')} of "
            f"{_count(self.users, 'user')}{against}"
        )


@dataclass(frozen=True)
class Head:
    """One line of a heads file."""

    user_id: UUID
    last_seq: int
    ledger_head: str


def verify(
    conninfo: str,
    *,
    user: UUID | None = None,
    heads: Path | None = None,
    save_heads: Path | None = None,
    on_step: OnStep | None = None,
) -> Verification:
    """Run ``credits.verify_ledger()``, and check or export heads, all in one snapshot.

    Args:
        conninfo: The database. verify_ledger needs credits_operator; heads need the owner.
        user: Verify this user only.
        heads: A file of heads exported earlier: each must still be in the ledger.
        save_heads: Where to export today's heads. Nothing is written when there are violations,
            so that a list of good heads is never replaced by one of bad heads.
        on_step: Called with a description before each step.

    Raises:
        HeadsFileError: A file cannot be read, understood or written.
        RefusedError: pgcredits is not installed there, or a right is missing.
        ConnectionFailedError: The database cannot be reached.
        ValueError: All heads were to be saved, but only one user's verified.
    """
    if user and save_heads:
        raise ValueError("heads are saved of all users, so that all must be verified")
    tell = on_step or (lambda _: None)
    with (
        _reading(heads) if heads else nullcontext() as exported,
        _replacing(save_heads) if save_heads else nullcontext() as target,
        _explained(),
        connect(conninfo) as conn,
    ):
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with conn.transaction():
            # The whole may take long, and is worth it.
            conn.execute("set local statement_timeout = 0")
            conn.execute("set local timezone = 'UTC'")
            found = Verification()
            tell("counting the ledger's rows")
            extent = conn.execute(_EXTENT, [user, user]).fetchone()
            found.ledger_rows, found.users = extent  # type: ignore[misc] # count always answers
            if exported is not None:
                tell("looking up exported heads")
                found.heads_checked = 0
                wanted = (h for h in _parse(exported) if user is None or h.user_id == user)
                while batch := list(islice(wanted, _BATCH)):
                    found.add(_lost(conn, batch))
                    found.heads_checked += len(batch)
            tell(f"verifying {_count(found.ledger_rows, 'ledger row')}")
            with conn.cursor("violations") as cursor:
                cursor.itersize = _BATCH
                found.add(Violation(*row) for row in cursor.execute(_VIOLATIONS, [user]))
            if target is not None and not found.total:
                tell("exporting heads")
                found.heads_saved = _export(conn, target)
    return found


def _lost(conn: Connection, heads: list[Head]) -> Iterator[Violation]:
    """Violations: the exported heads that are not in the ledger any more."""
    lost = conn.execute(
        _LOST_HEADS,
        [[h.user_id for h in heads], [h.last_seq for h in heads], [h.ledger_head for h in heads]],
    )
    for row in lost:
        if row.entry_hash is None:
            kind, actual = "head_missing", None
            detail = f"row {row.last_seq} was exported; " + (
                "the user is gone"
                if row.now_at is None
                else f"the user's ledger ends with row {row.now_at}"
            )
        else:
            kind, actual = "head_changed", row.entry_hash
            detail = f"row {row.last_seq}, or one before it, is not what was exported"
        yield Violation(
            kind, row.user_id, row.transaction_id, None, row.ledger_head, actual, detail
        )


def _export(conn: Connection, target: BinaryIO) -> int:
    lines = 0
    with conn.cursor() as cursor, cursor.copy(_EXPORT) as copy:
        for block in copy:
            target.write(block)
            lines += bytes(block).count(b"\n")
    return lines - 1  # the header


@contextmanager
def _reading(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _unreadable(name: str, error: OSError) -> HeadsFileError:
    return HeadsFileError(
        f"the heads in {name} cannot be read: {error.strerror or error}",
        "Pass a file that pgcredits verify --save-heads has written.",
    )


def _parse(file: TextIO) -> Iterator[Head]:
    """The heads in a file, one by one.

    Raises:
        HeadsFileError: At the first line that is not as it was written.
    """
    lines = csv.reader(file, strict=True)
    try:
        if next(lines, None) != COLUMNS:
            raise ValueError(f"the first line is not {','.join(COLUMNS)}")
        for user_id, last_seq, ledger_head, exported_at in lines:
            datetime.fromisoformat(exported_at)
            seq = int(last_seq)
            if not (0 < seq < 2**63 and _HASH.fullmatch(ledger_head)):
                raise ValueError(f"{last_seq}, {ledger_head} is no head")
            yield Head(UUID(user_id), seq, ledger_head)
    except (ValueError, csv.Error) as error:
        raise HeadsFileError(
            f"line {lines.line_num} of {file.name} cannot be understood: {error}",
            "Pass a file as pgcredits verify --save-heads has written it.",
        ) from error
    except OSError as error:
        raise _unreadable(file.name, error) from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block has ended well and wrote to it.

    It is made before anything else is done: who has waited for an hour should not be told then
    that the folder does not exist.
    """
    path = path.resolve()
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        if path.exists() and not path.is_file():
            raise OSError(f"{path} is no ordinary file")
        try:
            with new.open("xb") as file:
                yield file
                written = file.tell()
                file.flush()
                os.fsync(file.fileno())
            if written:
                new.replace(path)
        finally:
            with suppress(FileNotFoundError):
                new.unlink()
    except OSError as error:
        raise HeadsFileError(
            f"the heads cannot be written to {path}: {error.strerror or error}",
            "Pass a file in a folder where you may write.",
        ) from error


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the server says into a sentence of ours."""
    try:
        yield
    except (errors.UndefinedFunction, errors.InvalidSchemaName, errors.UndefinedTable) as error:
        raise RefusedError(
            "pgcredits is not installed in this database, or only in part",
            "See pgcredits check; pgcredits migrate installs it.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"a right is missing: {error.diag.message_primary}",
            "Connect as a member of credits_operator; for --heads and --save-heads, as the owner.",
        ) from error
    except psycopg.Error as error:
        message = error.diag.message_primary or " ".join(str(error).split())
        if error.sqlstate is None or error.sqlstate[:2] in ("08", "57"):
            raise ConnectionFailedError(f"the connection was lost: {message}") from error
        raise PgcreditsError(
            f"PostgreSQL says: {message}", error.diag.message_hint or ""
        ) from error


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
