"""A charge, a refund and a cancelled generation by the public functions, all rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

if TYPE_CHECKING:
    from pgcredits.deploy.session import Connection

_GRANT = """
select g.credits, g.balance
from credits.grant_user_credits(%s, 10, p_reason => 'pgcredits check --smoke') as g
"""
_DEDUCT = """
select d.transaction_id, d.credits, d.balance from credits.deduct_user_credits(%s, 4) as d
"""
_REFUND = """
select r.refunded, r.credits_refunded, r.balance from credits.refund_user_credits(%s, %s) as r
"""
_START = """
select s.generation_id, s.status, s.balance
from credits.start_generation(%s, 'smoke', 'smoke', 5) as s
"""
# A generation that no provider has yet is refunded in full, whatever the policies say.
_CANCEL = """
select c.status, c.refunded, c.credits_refunded, c.balance
from credits.cancel_generation(%s, %s, 'pgcredits check --smoke') as c
"""
_BALANCE = "select u.balance from credits.get_user_credits(%s) as u"
_LEDGER = """
select t.transaction_type::text, t.credits, t.balance_after
from credits.credit_transactions as t
where t.user_id = %s
order by t.seq
"""
_ALERTS = """
select a.type, a.message from credits.system_alerts as a
where a.user_id = %s
"""
_VIOLATIONS = "select v.kind, v.detail from credits.verify_ledger(%s) as v"


def smoke_test(conn: Connection) -> str:
    """Try the functions on a made-up user; returns what went wrong, empty if nothing did."""
    conn.read_only = False
    try:
        with conn.transaction(force_rollback=True):
            return _first_difference(conn)
    except psycopg.Error as error:
        return f"PostgreSQL says: {error.diag.message_primary or error}"


def _first_difference(conn: Connection) -> str:
    user = uuid4()
    granted = conn.execute(_GRANT, [user]).fetchone()
    deducted = conn.execute(_DEDUCT, [user]).fetchone()
    refunded = conn.execute(
        _REFUND, [user, deducted.transaction_id if deducted else None]
    ).fetchone()
    started = conn.execute(_START, [user]).fetchone()
    cancelled = conn.execute(_CANCEL, [user, started.generation_id if started else None]).fetchone()
    seen = {
        "grant of 10": granted,
        "deduct of 4": deducted and deducted[1:],
        "refund": refunded,
        "start of a generation": started and started[1:],
        "its cancellation": cancelled,
        "balance": conn.execute(_BALANCE, [user]).fetchone(),
        "alerts": tuple(tuple(row) for row in conn.execute(_ALERTS, [user])),
        "ledger": tuple(tuple(row) for row in conn.execute(_LEDGER, [user])),
        "verify_ledger": tuple(tuple(row) for row in conn.execute(_VIOLATIONS, [user])),
    }
    expected = {
        "grant of 10": (10, 10),
        "deduct of 4": (-4, 6),
        "refund": (True, 4, 10),
        "start of a generation": ("pending", 5),
        "its cancellation": ("cancelled", True, 5, 10),
        "balance": (10,),
        "alerts": (),
        "ledger": (
            ("grant", 10, 10),
            ("deduction", -4, 6),
            ("refund", 4, 10),
            ("deduction", -5, 5),
            ("refund", 5, 10),
        ),
        "verify_ledger": (),
    }
    for what, wanted in expected.items():
        if (got := tuple(seen[what] or ())) != wanted:
            return f"{what}: expected {wanted}, got {got}"
    return ""
