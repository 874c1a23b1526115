"""Small histories of known totals, and how a view shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql

from support.api import rows
from support.books import deduct, grant, refund, revoke
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

# Views read the server's own clock, so that a history must lie where now() is after it.
START = datetime(2024, 1, 10, 12, tzinfo=UTC)

ANN = UUID("00000000-0000-7000-8000-00000000000a")
BEN = UUID("00000000-0000-7000-8000-00000000000b")


def shown(conn: psycopg.Connection[Any], view: str, order_by: str) -> list[Any]:
    """All rows of a view of credits_monitoring."""
    query = sql.SQL("select * from {} order by {}").format(
        sql.Identifier("credits_monitoring", view), sql.SQL(order_by)
    )
    return conn.execute(query).fetchall()


def columns(conn: psycopg.Connection[Any], view: str) -> dict[str, str]:
    """The view's columns and their types, in its order."""
    cursor = conn.execute(
        "select a.attname as name, format_type(a.atttypid, a.atttypmod) as type"
        " from pg_attribute as a"
        " where a.attrelid = format('credits_monitoring.%%I', %s::text)::regclass and a.attnum > 0"
        " order by a.attnum",
        (view,),
    )
    return {row.name: row.type for row in cursor.fetchall()}


def live(conn: psycopg.Connection[Any]) -> None:
    """Two users, one row of each type for the first.

    Ann: granted 100 for a fee and 20 that expire, spent 30 (the 20 first, 10 of the 100), 10 came
    back (to the 100), 5 of the 100 were revoked; then granted 40 that expired.
    Ben: granted 7, spent 2.
    """
    set_clock(conn, START)
    bought = grant(
        conn,
        ANN,
        100,
        p_source="purchase",
        p_unit_price_usd=Decimal("0.05"),
        p_reason="starter pack",
        p_idempotency_key="pi_1",
    )
    grant(conn, ANN, 20, p_source="promo", p_expires_at=START + timedelta(days=1))
    charge = deduct(conn, ANN, 30, p_reason="an image")
    refund(conn, ANN, charge.transaction_id, 10, p_reason="it was blurred")
    revoke(conn, ANN, bought.transaction_id, 5)
    grant(conn, ANN, 40, p_expires_at=START + timedelta(days=1))
    grant(conn, BEN, 7)
    deduct(conn, BEN, 2)
    set_clock(conn, START + timedelta(days=1))
    rows(conn, "expire_user_credits")
    real_clock(conn)
