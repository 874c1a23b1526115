"""Prove the ledger, and that no history has been rewritten since its heads were exported.

A user's ledger rows form a hash chain. Whoever may switch off triggers can rewrite it all, hashes
included, so that it proves itself again; what cannot be rewritten is a list of the heads (the
hash of each user's last row) that was kept elsewhere: each must still be found at its place.

The ledger is verified in parts, each in a snapshot of its own: a range of users, or a piece of a
user of many rows. So no old snapshot keeps the server from cleaning up, what it sorts fits into
memory, and a verification that was broken off can go on where it was.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import IsolationLevel, errors
from psycopg.types.json import Jsonb

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
from pgcredits.verification import KEPT_VIOLATIONS, Verification, Violation
from pgcredits.verify_progress import Progress, ProgressFile, ProgressFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO
    from uuid import UUID

    #: Called with a description before each step.
    OnStep = Callable[[str], None]
    #: Called after each part with the ledger rows verified so far, and with how many there were.
    OnPart = Callable[[int, int], None]
    Connection = psycopg.Connection[Any]

__all__ = [
    "KEPT_VIOLATIONS",
    "HeadsFileError",
    "ProgressFileError",
    "Verification",
    "Violation",
    "verify",
]

#: How many ledger rows a part has, about.
PART_ROWS = 20_000

# A verification may take longer than the role's statement_timeout. What a part sorts and hashes
# fits into this memory, and compiling its queries takes longer than running them.
_SETTINGS = """
select
    set_config('statement_timeout', '0', true) as statement_timeout,
    set_config('timezone', 'UTC', true) as timezone,
    set_config('work_mem', '64MB', true) as work_mem,
    set_config('jit', 'off', true) as jit
"""
_DATABASE = """
select format('%s/%s', d.oid, 'credits'::regnamespace::oid) as database
from pg_database as d
where d.datname = current_database()
"""
# Servers that were made alike give the same numbers: the server's own tells them apart.
_MAY_KNOW_SERVER = "select has_function_privilege('pg_control_system()', 'execute') as may"
_SERVER = "select c.system_identifier as server from pg_control_system() as c"
_PART = """
select
    p.position, p.first_user_id, p.last_user_id, p.users, p.ledger_rows, p.total_rows,
    to_jsonb(p.violations) as violations
from credits.verify_ledger_part(%s, %s, %s) as p
"""


def verify(
    conninfo: str,
    *,
    user: UUID | None = None,
    heads: Path | None = None,
    save_heads: Path | None = None,
    resume: Path | None = None,
    on_step: OnStep | None = None,
    on_part: OnPart | None = None,
) -> Verification:
    """Verify the ledger part by part, and check or export heads.

    Heads that are exported are those up to which the ledger was proved: each part's are read in its
    snapshot.

    Args:
        conninfo: The database. The verification needs credits_operator; heads need the owner.
        user: Verify this user only.
        heads: A file of heads exported earlier: each must still be in the ledger.
        save_heads: Where to export today's heads. Nothing is written when there are violations,
            so that a list of good heads is never replaced by one of bad heads.
        resume: Where to keep how far the verification has come. Where the file exists, it goes on
            from there; at the end the file is removed.
        on_step: Called with a description before each step.
        on_part: Called after each part with the ledger rows verified so far, and with how many
            there were at the start.

    Raises:
        HeadsFileError: A file of heads cannot be read, understood or written.
        ProgressFileError: The file named by resume cannot be read or written, or is of another
            verification.
        RefusedError: pgcredits is not installed there, or a right is missing.
        ConnectionFailedError: The database cannot be reached.
        ValueError: All heads were to be saved, but only one user's verified.
    """
    if user and save_heads:
        raise ValueError("heads are saved of all users, so that all must be verified")
    on_step = on_step or (lambda _: None)
    kept = ProgressFile(resume) if resume else None
    if kept:
        kept.require_apart(heads, save_heads)
    with (
        open_heads(heads) if heads else nullcontext() as exported,
        new_heads(save_heads) if save_heads else nullcontext() as target,
        _explained(),
        connect(conninfo) as conn,
    ):
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        progress = _begin(conn, kept, user, saves_heads=bool(save_heads))
        found = Verification()
        if exported is not None:
            on_step("looking up exported heads")
            _look_up(conn, exported, user, found)
        on_step("verifying the ledger")
        with (
            kept.heads(progress) if kept and target else nullcontext(target) as growing,
        ):
            _verify_parts(conn, user, progress, kept, growing, on_part or (lambda *_: None))
            found.add_all(progress.found())
            if growing is not None and target is not None:
                if found.total:
                    target.truncate(0)
                    target.seek(0)
                else:
                    found.heads_saved = progress.heads_saved
                    if growing is not target:
                        growing.seek(0)
                        shutil.copyfileobj(growing, target)
    if kept:
        kept.remove()
    return found


def _begin(
    conn: Connection, kept: ProgressFile | None, user: UUID | None, *, saves_heads: bool
) -> Progress:
    """The progress from which this run goes on."""
    database: Any = conn.execute(_DATABASE).fetchone()
    may_know: Any = conn.execute(_MAY_KNOW_SERVER).fetchone()
    server: Any = conn.execute(_SERVER).fetchone() if may_know.may else None
    about = {
        "database": f"{server.server if server else ''}/{database.database}",
        "user": str(user or "all"),
        "choice of saving heads": str(saves_heads),
    }
    return kept.read(about) if kept else Progress(about)


def _look_up(conn: Connection, exported: TextIO, user: UUID | None, found: Verification) -> None:
    """Look up exported heads. What is in the ledger stays there: they need no common snapshot."""
    found.heads_checked = 0
    wanted = (h for h in read_heads(exported) if user is None or h.user_id == user)
    while batch := list(islice(wanted, BATCH)):
        found.add(lost_heads(conn, batch))
        found.heads_checked += len(batch)


def _verify_parts(
    conn: Connection,
    user: UUID | None,
    progress: Progress,
    kept: ProgressFile | None,
    heads: BinaryIO | None,
    on_part: OnPart,
) -> None:
    """Verify part after part, and note in the progress what was found."""
    while True:
        position = None if progress.position is None else Jsonb(progress.position)
        with conn.transaction():
            conn.execute(_SETTINGS)
            part: Any = conn.execute(_PART, [position, user, PART_ROWS]).fetchone()
            found = progress.found()
            found.add(msgspec.convert(part.violations, list[Violation]))
            if heads is not None and part.first_user_id is not None and not found.total:
                users = (part.first_user_id, part.last_user_id)
                progress.heads_saved += export_heads(conn, heads, users)
        progress.position = part.position
        progress.ledger_rows += part.ledger_rows
        progress.users += part.users
        progress.total_rows = part.total_rows
        progress.by_kind = dict(found.by_kind)
        progress.violations = found.violations
        on_part(progress.ledger_rows, progress.total_rows)
        if part.position is None:
            return
        if kept is not None:
            if heads is not None:
                heads.flush()
                os.fsync(heads.fileno())
                progress.heads_bytes = heads.tell()
            kept.write(progress)


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
