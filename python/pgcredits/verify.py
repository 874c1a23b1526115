"""Prove the ledger, and that no history has been rewritten since its heads were exported.

A user's ledger rows form a hash chain. Whoever may switch off triggers can rewrite it all, hashes
included, so that it proves itself again; what cannot be rewritten is a list of the heads (the
hash of each user's last row) that was kept elsewhere: each must still be found at its place.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import IsolationLevel, errors

from pgcredits.connections import connect
from pgcredits.errors import ConnectionFailedError, PgcreditsError, RefusedError
from pgcredits.heads import (
    BATCH,
    HeadsFileError,
    export_heads,
    lost_heads,
    new_heads,
    open_heads,
    read_heads,
)
from pgcredits.verification import KEPT_VIOLATIONS, Verification, Violation, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO
    from uuid import UUID

    #: Called with a description before each step.
    OnStep = Callable[[str], None]
    Connection = psycopg.Connection[Any]

__all__ = ["KEPT_VIOLATIONS", "HeadsFileError", "Verification", "Violation", "verify"]

_VIOLATIONS = """
select v.kind, v.user_id, v.transaction_id, v.generation_id, v.expected, v.actual, v.detail
from credits.verify_ledger(%s) as v
"""
_EXTENT = """
select count(*) as ledger_rows, count(distinct s.user_id) as users
from credits_monitoring.user_statement as s
where %s::uuid is null or s.user_id = %s
"""


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
    with (
        open_heads(heads) if heads else nullcontext() as exported,
        new_heads(save_heads) if save_heads else nullcontext() as target,
        _explained(),
        connect(conninfo) as conn,
    ):
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with conn.transaction():
            # A verification of all users may take longer than the role's statement_timeout.
            conn.execute("set local statement_timeout = 0")
            conn.execute("set local timezone = 'UTC'")
            return _verify(conn, user, exported, target, on_step or (lambda _: None))


def _verify(
    conn: Connection,
    user: UUID | None,
    exported: TextIO | None,
    target: BinaryIO | None,
    on_step: OnStep,
) -> Verification:
    """Do all steps, within a transaction."""
    found = Verification()
    on_step("counting the ledger's rows")
    extent = conn.execute(_EXTENT, [user, user]).fetchone()
    found.ledger_rows, found.users = extent  # type: ignore[misc] # count always answers
    if exported is not None:
        on_step("looking up exported heads")
        found.heads_checked = 0
        wanted = (h for h in read_heads(exported) if user is None or h.user_id == user)
        while batch := list(islice(wanted, BATCH)):
            found.add(lost_heads(conn, batch))
            found.heads_checked += len(batch)
    on_step(f"verifying {counted(found.ledger_rows, 'ledger row')}")
    with conn.cursor("violations") as cursor:
        cursor.itersize = BATCH
        found.add(Violation(*row) for row in cursor.execute(_VIOLATIONS, [user]))
    if target is not None and not found.total:
        on_step("exporting heads")
        found.heads_saved = export_heads(conn, target)
    return found


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
