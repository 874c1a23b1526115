"""One transaction for a whole deploy: pinned settings, one lock, short waits, retries."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import IsolationLevel, errors

from pgcredits.errors import ConnectionFailedError, PgcreditsError, RefusedError
from pgcredits.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import LiteralString

    from psycopg.abc import Params

    #: Called with each step before it is taken; tests kill the process there.
    OnStep = Callable[[str], None]

Connection = psycopg.Connection[Any]
Result = TypeVar("Result")

SCHEMAS = ("credits", "credits_internal", "credits_monitoring", "credits_deploy")

#: The table on which deploys and checks meet: yoyo's own, which is empty. An advisory lock could be
#: taken by whoever may connect. Where nothing is installed yet, deploys meet on the schema's name.
LOCK_TABLE = "credits_deploy.yoyo_lock"

#: Settings on which it depends how a definition is understood, and how PostgreSQL prints it.
PINNED_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "check_function_bodies": "off",
    "client_min_messages": "warning",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "quote_all_identifiers": "off",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    # The inventory is a long query over few rows: compiling it takes longer than running it.
    "jit": "off",
}

#: How long a statement may wait for a lock, and traffic behind it, before the deploy starts over.
#: Below PostgreSQL's deadlock_timeout, so that in a deadlock we give way and not a client.
LOCK_TIMEOUT = "500ms"

DEFAULT_WAIT_SECONDS = 60.0

_LONGEST_PAUSE_SECONDS = 5.0
#: PgBouncer's words, with which it ends the connection at the first BEGIN.
_STATEMENT_POOLING = "statement pooling"
_INTERNAL_ERROR = "XX000"


class DeployFailedError(PgcreditsError):
    """PostgreSQL refused a statement of the package; nothing was changed."""

    exit_status = ExitStatus.DEPLOY_FAILED


def in_transaction(
    conn: Connection, wait: float, work: Callable[[], Result], *, read_only: bool = False
) -> Result:
    """Run work in one transaction that holds the deploy lock; again while locks are not free.

    Args:
        conn: In autocommit mode.
        wait: For how many seconds to try, while another deploy or traffic holds the locks.
        work: Everything to do; it may run several times, each time from the start.
        read_only: Whether the work changes nothing; such work shares the lock with its like.

    Raises:
        RefusedError: The locks did not become free in time, a right is missing, or the server or
            its pooler cannot do it.
        DeployFailedError: Any other error of the server's.
    """
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    conn.read_only = read_only
    lock_mode = "row share" if read_only else "exclusive"
    deadline = time.monotonic() + wait
    pause = 0.1
    while True:
        try:
            if not read_only:
                require_primary(conn, "a deploy")
            with conn.transaction():
                pin_settings(conn)
                _take_lock(conn, deadline, lock_mode)
                return work()
        except psycopg.Error as error:
            if not _is_passing(error) or time.monotonic() >= deadline:
                refusal = explained(error)
                if isinstance(error, errors.LockNotAvailable):
                    refusal.hint = _who_holds_locks(conn) or refusal.hint
                raise refusal from error
        # A random pause, so that two deploys do not collide again at the next attempt.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def require_primary(conn: Connection, what: str) -> None:
    """Refuse to write to a standby, which does not know how.

    Args:
        conn: In autocommit mode.
        what: What has to write, for the message.

    Raises:
        RefusedError: The server is a standby.
    """
    if scalar(conn, "select pg_catalog.pg_is_in_recovery()"):
        raise RefusedError(
            f"{what} has to write, and this server is a standby",
            "Connect to the primary; pgcredits check without --smoke only reads.",
        )


def pin_settings(conn: Connection) -> None:
    """Make this transaction independent of the session's settings."""
    conn.execute(
        """
        select set_config(s.name, s.value, true)
        from unnest(%s::text[], %s::text[]) as s (name, value)
        """,
        [list(PINNED_SETTINGS), list(PINNED_SETTINGS.values())],
    )


def hold_writers(conn: Connection) -> None:
    """Let no call write until this transaction ends, once those that write now have ended.

    Every call that writes locks its user's row first. Without this, traffic that never pauses can
    keep a deploy from its locks for ever: some call always holds one table that the deploy needs
    next, and waits for another that the deploy holds already.
    """
    if scalar(conn, "select to_regclass('credits.user_credits')") is not None:
        conn.execute("lock table credits.user_credits in exclusive mode")


def execute(conn: Connection, statement: str, path: str = "") -> None:
    """Run SQL text as it is: several statements, percent signs and all.

    Args:
        conn: In a transaction.
        statement: The text.
        path: The file that it comes from, which an error then names.

    Raises:
        DeployFailedError: With file and line, for an error that is the file's own.
        psycopg.Error: For other errors.
    """
    try:
        conn.execute(statement.encode())
    except psycopg.Error as error:
        if isinstance(error, errors.DependentObjectsStillExist):
            raise _in_the_way(error) from error
        if not path or _is_passing(error) or _is_lost(error):
            raise
        if isinstance(error, errors.InsufficientPrivilege):
            raise _right_missing(f"{path}: {error.diag.message_primary}") from error
        position = int(error.diag.statement_position or 0)
        line = f", line {statement.count(chr(10), 0, position) + 1}" if position else ""
        message = error.diag.message_primary or str(error)
        raise DeployFailedError(
            f"{path}{line}: {message}", error.diag.message_hint or ""
        ) from error


def scalar(conn: Connection, query: LiteralString, params: Params | None = None) -> Any:
    """The first column of a query's first row; None if there is none."""
    row = conn.execute(query, params).fetchone()
    return row[0] if row else None


def explained(error: psycopg.Error) -> PgcreditsError:
    """The server's error as one of ours, with a sentence and a hint."""
    message = error.diag.message_primary or " ".join(str(error).split())
    match error:
        case errors.InsufficientPrivilege():
            return _right_missing(message)
        case errors.LockNotAvailable() | errors.DeadlockDetected():
            return RefusedError(
                f"others kept a lock that the deploy needs: {message}",
                "Look for long transactions in pg_stat_activity, then try again.",
            )
        case _ if _STATEMENT_POOLING in message:
            return RefusedError(
                "the connection goes through a pooler that shares it after each statement",
                "A deploy and a check are transactions: connect to the server itself, or to a"
                " pooler in transaction or session mode.",
            )
        case _ if _is_lost(error):
            return ConnectionFailedError(
                f"the connection was lost: {message}",
                "Run pgcredits check: either everything was done or nothing.",
            )
        case _:
            return DeployFailedError(f"PostgreSQL says: {message}", error.diag.message_hint or "")


def _right_missing(message: str) -> RefusedError:
    return RefusedError(
        f"a right is missing: {message}",
        "Connect as the role that owns the installation, or as a superuser.",
    )


def _in_the_way(error: psycopg.Error) -> RefusedError:
    """The error where an object that is not ours depends on what must be dropped."""
    return RefusedError(
        f"{error.diag.message_primary}: {error.diag.message_detail}",
        "Drop what is not pgcredits', then try again.",
    )


def _who_holds_locks(conn: Connection) -> str:
    """A hint with the oldest transaction that holds a table or view of ours; empty = none does.

    Whoever may only connect can be one: pg_get_viewdef keeps all tables of a view locked.
    """
    row = conn.execute(
        """
        select a.pid, a.usename, a.xact_start::timestamp(0)
        from pg_locks as l
        inner join pg_class as c on c.oid = l.relation
        inner join pg_stat_activity as a on a.pid = l.pid
        where
            l.database = (select d.oid from pg_database as d where d.datname = current_database())
            and l.granted
            and l.pid <> pg_backend_pid()
            and c.relnamespace::regnamespace::text = any(%s)
        order by a.xact_start
        limit 1
        """,
        [list(SCHEMAS)],
    ).fetchone()
    if row is None:
        return ""
    pid, role, since = row
    return (
        f"The oldest transaction that holds one is that of process {pid}, role {role}, since"
        f" {since}: let it end, or end it by pg_terminate_backend({pid}). Then try again."
    )


def _take_lock(conn: Connection, deadline: float, mode: str) -> None:
    """Take the deploy lock, for which only deploys and checks wait, where we may."""
    # Null where nothing is installed. Whoever may only read checks without the lock.
    if scalar(conn, "select has_table_privilege(to_regclass(%s), 'update')", [LOCK_TABLE]):
        remaining = max(1, int((deadline - time.monotonic()) * 1000))
        conn.execute("select set_config('lock_timeout', %s, true)", [f"{remaining}ms"])
        try:
            conn.execute(f"lock table {LOCK_TABLE} in {mode} mode".encode())
        except errors.LockNotAvailable as error:
            raise RefusedError(
                "another deploy is running", "Wait for its end, then try again."
            ) from error
    conn.execute("select set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])


def _is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone; libpq itself gives no SQLSTATE."""
    state = error.sqlstate or "08000"
    return isinstance(error, psycopg.OperationalError) and state.startswith(("08", "57P"))


def _is_passing(error: psycopg.Error) -> bool:
    """Whether a new attempt may succeed: the error is due to a lock or a concurrent change."""
    match error:
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return True
        case errors.UniqueViolation():
            # Two sessions wrote one row of a catalog: roles are shared by all databases.
            return (error.diag.constraint_name or "").startswith("pg_")
        case errors.UndefinedTable():
            # A rollback ended while we waited for its lock.
            return LOCK_TABLE in str(error)
        case _:
            return error.sqlstate == _INTERNAL_ERROR and "concurrently" in str(error)
