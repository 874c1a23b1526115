"""Many sessions, many shots: what the races here have in common."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from support.api import call
from support.clock import real_clock, set_clock
from support.races import DEADLINE_SECONDS, Outcome, Session, at_once

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterable, Sequence

    from support.databases import Database

T = TypeVar("T")

READ_COMMITTED = "read committed"
REPEATABLE_READ = "repeatable read"
SERIALIZABLE = "serializable"
ISOLATION_LEVELS = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE]


def isolated(level: str) -> dict[str, Any]:
    """Parameters for `database.connect`: every transaction at this level."""
    return {"options": "-c default_transaction_isolation=" + level.replace(" ", r"\ ")}


def attempt(work: Callable[[], T]) -> Outcome[T]:
    """What became of it: a value, or the database's error."""
    try:
        return Outcome(value=work())
    except psycopg.Error as error:
        return Outcome(error=error)


def volleys(
    database: Database,
    sessions: int,
    shots: Sequence[Callable[[psycopg.Connection[Any], int], T]],
    **connect: Any,
) -> list[list[Outcome[T]]]:
    """Fire each shot from all sessions at the same moment, one shot after the other.

    Returns, for each shot, what each session got. Only the database's errors count as outcomes:
    any other is raised here.
    """
    together = threading.Barrier(sessions)

    def fire(conn: psycopg.Connection[Any], i: int) -> list[Outcome[T]]:
        outcomes: list[Outcome[T]] = []
        try:
            for shot in shots:
                together.wait(DEADLINE_SECONDS)
                outcomes.append(attempt(partial(shot, conn, i)))
        except BaseException:
            together.abort()
            raise
        return outcomes

    by_session = at_once(database, sessions, fire, deadline=2 * DEADLINE_SECONDS, **connect)
    causes = [o.error for o in by_session if o.error is not None]
    for cause in causes:
        if not isinstance(cause, threading.BrokenBarrierError):
            raise cause
    return [list(volley) for volley in zip(*(o.get() for o in by_session), strict=True)]


def refusals(outcomes: Iterable[Outcome[Any]]) -> Counter[str]:
    """How often each error came: its code in DETAIL, else its SQLSTATE."""
    return Counter(code_of(o.error) for o in outcomes if o.error is not None)


def code_of(error: BaseException) -> str:
    """The code in DETAIL, else the SQLSTATE."""
    assert isinstance(error, psycopg.Error), repr(error)
    return str(detail_of(error).get("code") or error.sqlstate)


def detail_of(error: BaseException | None) -> dict[str, Any]:
    """DETAIL of one of our own errors; empty for others."""
    assert isinstance(error, psycopg.Error), repr(error)
    ours = (error.sqlstate or "").startswith("PT")
    detail: dict[str, Any] = json.loads(error.diag.message_detail or "{}") if ours else {}
    return detail


def grant_due(conn: psycopg.Connection[Any], users: Iterable[uuid.UUID], amount: int) -> None:
    """Grant each of them credits that have expired by now, and no sweep has seen it."""
    now = datetime.now(UTC)
    set_clock(conn, now - timedelta(days=2))
    for user in users:
        call(conn, "grant_user_credits", user, amount, p_expires_at=now - timedelta(days=1))
    real_clock(conn)


def one_waits_for_the_other(
    database: Database,
    first: Callable[[psycopg.Connection[Any]], Any],
    second: Callable[[psycopg.Connection[Any]], T],
    *,
    end: str = "commit",
    level: str = READ_COMMITTED,
) -> tuple[Any, Outcome[T]]:
    """One session makes a call in a transaction, another must wait for it to end.

    Returns what the first got, and what the second got once the first had ended.
    """
    with Session(database, **isolated(level)) as one, Session(database, **isolated(level)) as other:
        one.run("begin")
        result = first(one.conn)
        other.start_work(second)
        assert other.is_blocked(by=one), f"nobody waited, but got {other.result()}"
        one.run(end)
        return result, attempt(other.result)


def ledger(conn: psycopg.Connection[Any], user: uuid.UUID) -> list[tuple[str, int]]:
    """The user's ledger, oldest first: type and credits of each row."""
    found = conn.execute(
        "select t.transaction_type::text, t.credits from credits.credit_transactions as t"
        " where t.user_id = %s order by t.seq",
        (user,),
    )
    return [(kind, moved) for kind, moved in found]


def balance(conn: psycopg.Connection[Any], user: uuid.UUID) -> int:
    """What the user can spend."""
    spendable: int = call(conn, "get_user_credits", user).balance
    return spendable
