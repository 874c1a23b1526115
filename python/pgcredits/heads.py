"""Heads: the hash of each user's last ledger row, exported to a file and looked up again later."""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus
from pgcredits.output.files import replacing
from pgcredits.verification import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO

    import psycopg

    Connection = psycopg.Connection[Any]

COLUMNS = ["user_id", "last_seq", "ledger_head", "exported_at"]

#: How many heads are looked up by one query.
BATCH = 5000
_HASH = re.compile("[0-9a-f]{64}")

# Lateral joins look each user up in the indexes: a plain join could read the whole ledger.
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
    where
        u.last_seq > 0
        and u.user_id between %s and %s
    order by u.user_id
) to stdout with (format csv)
"""


class HeadsFileError(PgcreditsError):
    """A file of exported heads cannot be read, understood or written."""

    exit_status = ExitStatus.HEADS_FILE


@dataclass(frozen=True)
class Head:
    """One line of a heads file."""

    user_id: UUID
    last_seq: int
    ledger_head: str


def lost_heads(conn: Connection, heads: list[Head]) -> Iterator[Violation]:
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


def export_heads(conn: Connection, target: BinaryIO, users: tuple[UUID, UUID]) -> int:
    """Write the heads of the users from the first to the last; returns how many there are."""
    if not target.tell():
        target.write(f"{','.join(COLUMNS)}\n".encode())
    lines = 0
    with conn.cursor() as cursor, cursor.copy(_EXPORT, users) as copy:
        for block in copy:
            target.write(block)
            lines += bytes(block).count(b"\n")
    return lines


@contextmanager
def open_heads(path: Path) -> Iterator[TextIO]:
    """Open a file of heads.

    Raises:
        HeadsFileError: It cannot be read.
    """
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


def read_heads(file: TextIO) -> Iterator[Head]:
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
                raise ValueError(f"{last_seq}, {ledger_head} is not a head")
            yield Head(UUID(user_id), seq, ledger_head)
    except (ValueError, csv.Error) as error:
        raise HeadsFileError(
            f"line {lines.line_num} of {file.name} cannot be understood: {error}",
            "Pass a file as pgcredits verify --save-heads has written it.",
        ) from error
    except OSError as error:
        raise _unreadable(file.name, error) from error


@contextmanager
def new_heads(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block has ended well and wrote to it.

    It is made before the block begins: nobody should wait for an hour to learn that the folder
    does not exist.

    Raises:
        HeadsFileError: It cannot be written.
    """
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            raise OSError(f"{path} is not an ordinary file")
        with replacing(path, is_private=False, keeps_empty=False) as file:
            yield file
    except OSError as error:
        raise HeadsFileError(
            f"the heads cannot be written to {path}: {error.strerror or error}",
            "Pass a file in a folder where you may write.",
        ) from error
