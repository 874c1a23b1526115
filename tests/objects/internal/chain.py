"""The hash chain, recomputed from its documentation alone, without PostgreSQL.

The documentation is the comment on credits_internal.entry_hash and those on the columns
content_digest, entry_hash and allocations of credits.credit_transactions.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import psycopg

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# jsonb as jsonb prints it: a stranger would read the same text.
ROWS = """
    select
        t.user_id,
        t.transaction_id,
        t.seq,
        t.transaction_type::text,
        t.credits,
        t.requested_credits,
        t.balance_after,
        t.allocations::text as allocations_text,
        t.source::text,
        t.refund_of,
        t.revocation_of,
        t.generation_id,
        t.cost_usd,
        t.idempotency_key,
        t.reason,
        t.metadata::text as metadata_text,
        t.content_digest,
        t.created_at,
        t.redacted_at,
        t.entry_hash
    from credits.credit_transactions as t
    where t.user_id = %s
    order by t.seq
"""


def json_text(value: UUID | str | int | Decimal | None) -> str:
    """One field, as json_build_array prints it."""
    if isinstance(value, int | Decimal):
        return format(value, "f" if isinstance(value, Decimal) else "d")
    return json.dumps(None if value is None else str(value), ensure_ascii=False)


def json_array(fields: Iterable[str]) -> bytes:
    """An array of fields that are JSON texts already."""
    return f"[{', '.join(fields)}]".encode()


def content_digest(reason: str | None, metadata_text: str) -> bytes:
    """sha256 over the UTF-8 text that json_build_array(reason, metadata::text) prints."""
    return hashlib.sha256(json_array([json_text(reason), json_text(metadata_text)])).digest()


def entry_hash(previous: bytes, row: Any) -> bytes:
    """sha256 over the previous row's hash and the row's canonical text."""
    text = json_array(
        [
            json_text("v1"),
            json_text(row.user_id),
            json_text(row.transaction_id),
            json_text(row.seq),
            json_text(row.transaction_type),
            json_text(row.credits),
            json_text(row.requested_credits),
            json_text(row.balance_after),
            row.allocations_text,
            json_text(row.source),
            json_text(row.refund_of),
            json_text(row.revocation_of),
            json_text(row.generation_id),
            json_text(row.cost_usd),
            json_text(row.idempotency_key),
            json_text(row.content_digest.hex()),
            json_text((row.created_at - EPOCH) // timedelta(microseconds=1)),
        ]
    )
    return hashlib.sha256(previous + text).digest()


def rows(conn: psycopg.Connection[Any], user: UUID) -> list[Any]:
    """What an auditor is given of a user's ledger."""
    return conn.execute(ROWS, (user,)).fetchall()


def broken_links(conn: psycopg.Connection[Any], user: UUID) -> list[int]:
    """Numbers of the rows whose digest or hash is not what it should be."""
    broken = []
    previous = b""
    for row in rows(conn, user):
        digest = content_digest(row.reason, row.metadata_text)
        is_as_written = row.redacted_at is not None or row.content_digest == digest
        if not is_as_written or row.entry_hash != entry_hash(previous, row):
            broken.append(row.seq)
        previous = row.entry_hash
    return broken
