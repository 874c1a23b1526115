"""Prove a user's ledger in pieces, as check_ledger and verify_ledger_part do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import namedtuple_row

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

PROVE = """
select
    p.checkpoint::text as checkpoint,
    p.is_last,
    p.ledger_rows,
    array(select v.kind from unnest(p.violations) as v) as kinds,
    array(select v.generation_id from unnest(p.violations) as v) as generations
from credits_internal.prove_user(%s, %s::text::credits_internal.checkpoint, %s) as p
"""


def prove(
    conn: psycopg.Connection[Any], user: UUID, checkpoint: str | None, ledger_rows: int = 10**6
) -> Any:
    """Prove the next piece after a checkpoint, which is a text; None = from the first row."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(PROVE, (user, checkpoint, ledger_rows)).fetchone()


def pieces(conn: psycopg.Connection[Any], user: UUID, ledger_rows: int) -> list[Any]:
    """All pieces of a proof from the first row."""
    made: list[Any] = []
    while not made or not made[-1].is_last:
        made.append(prove(conn, user, made[-1].checkpoint if made else None, ledger_rows))
        assert len(made) < 1000
    return made


def kinds_in_pieces(conn: psycopg.Connection[Any], user: UUID, ledger_rows: int) -> set[str]:
    """What a proof from the first row finds, so many rows at a time."""
    return {kind for piece in pieces(conn, user, ledger_rows) for kind in piece.kinds}
