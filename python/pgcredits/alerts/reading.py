"""Read alerts through a view for analysts; acknowledge and resolve them by the public functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import IsolationLevel, errors, sql
from psycopg.rows import class_row

from pgcredits.alerts.bookmark import Snapshot
from pgcredits.alerts.model import COLUMNS, LEVELS, Alert, AlertsError, rank
from pgcredits.connections import connect, requiring_installation, with_keepalives
from pgcredits.errors import RefusedError
from pgcredits.roles import read_roles

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    Connection = psycopg.Connection[Any]

#: With `--all`, alerts that were resolved within so many days are listed, too.
RESOLVED_DAYS = 7

_SELECT = sql.SQL("select {} from credits_monitoring.alert_history as a where {}")
_WANTED = "a.level = any(%(levels)s) and (%(types)s::text[] is null or a.type = any(%(types)s))"
_SETTINGS = """
select
    set_config('statement_timeout', '60s', true) as statement_timeout,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
"""
_NEWEST = """
select greatest(max(a.created_at), max(a.notified_at), max(a.resolved_at)) as at
from credits_monitoring.alert_history as a
"""
#: Two conditions for a union, not one with `or`: each can use an index.
_SINCE = (
    "a.resolved_at >= %(low)s",
    "a.resolved_at is null and a.notified_at >= %(low)s",
)


@dataclass(frozen=True)
class Wanted:
    """Which alerts are asked for.

    Attributes:
        min_level: Those of this level and above.
        types: Those of these types; none = all.
    """

    min_level: str = LEVELS[0]
    types: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of _WANTED."""
        return {
            "levels": list(LEVELS[rank(self.min_level) :]),
            "types": list(self.types) or None,
        }


def open_reader(dsn: str, on_notify: Callable[[], None]) -> Connection:
    """Open a connection that reads again and again.

    Args:
        dsn: The database.
        on_notify: Called when the server notifies us of an event of an alert.

    Raises:
        ConnectionFailedError: No connection.
    """
    conn = connect(with_keepalives(dsn))
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    conn.add_notify_handler(lambda _: on_notify())
    return conn


def listen(conn: Connection) -> str | None:
    """Listen for events; returns why that is not possible (as on a replica), None = it is."""
    try:
        # In a read-only transaction LISTEN is allowed, on a replica it never is.
        conn.execute("listen credits_alerts")
    except (errors.ReadOnlySqlTransaction, errors.FeatureNotSupported) as error:
        return error.diag.message_primary
    return None


def require_readable(conn: Connection) -> None:
    """Check that we may read the alerts.

    Raises:
        RefusedError: pgcredits is not installed there, or the role may not read its views.
    """
    try:
        with requiring_installation():
            conn.execute("select from credits_monitoring.alert_history limit 0")
    except errors.InsufficientPrivilege:
        user = conn.info.user
        raise RefusedError(
            f"the role {user} may not read the alerts",
            read_roles(conn).in_text(f'Let it: grant credits_analyst to "{user}".'),
        ) from None


def read_snapshot(conn: Connection) -> Snapshot:
    """Which transactions this transaction sees."""
    (row,) = conn.execute(_SETTINGS).fetchall()
    return Snapshot(row.oldest, row.next)


def read_newest(conn: Connection) -> datetime | None:
    """The time of the last event of any alert."""
    (row,) = conn.execute(_NEWEST).fetchall()
    at: datetime | None = row.at
    return at


def read_since(conn: Connection, low: datetime | None, wanted: Wanted) -> list[Alert]:
    """The alerts that have had an event since `low`; None = all alerts."""
    conditions = _SINCE if low else ("true",)
    return _read(conn, conditions, {**wanted.parameters, "low": low})


def read_first(conn: Connection, low: datetime | None, wanted: Wanted) -> list[Alert]:
    """All open alerts, and those that were resolved since `low`."""
    conditions = ["a.resolved_at is null", *(_SINCE[:1] if low else ())]
    return _read(conn, tuple(conditions), {**wanted.parameters, "low": low})


def read_alerts(dsn: str, wanted: Wanted, *, also_resolved: bool = False) -> list[Alert]:
    """The open alerts, the most urgent first; on demand those of the last days, too.

    Raises:
        ConnectionFailedError: No connection.
        RefusedError: We may not read them.
    """
    conditions = ["a.resolved_at is null"]
    if also_resolved:
        conditions.append("a.resolved_at >= now() - make_interval(days => %(days)s)")
    with connect(dsn) as conn:
        require_readable(conn)
        found = _read(conn, tuple(conditions), {**wanted.parameters, "days": RESOLVED_DAYS})
    found.sort(key=lambda a: a.last_seen_at, reverse=True)
    found.sort(key=lambda a: (a.resolved_at is not None, -rank(a.level)))
    return found


def acknowledge(dsn: str, alert_id: UUID, by: str) -> Alert:
    """Say who takes care of an alert.

    Raises:
        ConnectionFailedError: No connection.
        AlertsError: There is no such alert, or the role may not do this.
    """
    return _act(dsn, alert_id, "credits.acknowledge_alert(%s, %s, %s)", by)


def resolve(dsn: str, alert_id: UUID, by: str, note: str | None) -> Alert:
    """Say that an alert is dealt with. Raises as `acknowledge` does."""
    return _act(dsn, alert_id, "credits.resolve_alert(%s, %s, %s, %s)", by, note)


def _act(dsn: str, alert_id: UUID, call: str, *arguments: str | None) -> Alert:
    this_one = ("a.alert_id = %(id)s",), {**Wanted().parameters, "id": alert_id}
    with connect(dsn) as conn:
        require_readable(conn)
        try:
            (alert,) = _read(conn, *this_one)
            conn.execute(f"select from {call}".encode(), (alert.user_id, alert_id, *arguments))
            (alert,) = _read(conn, *this_one)
        except ValueError:
            raise AlertsError(
                f"there is no alert {alert_id}", "pgcredits alerts --all lists them."
            ) from None
        except errors.InsufficientPrivilege:
            raise AlertsError(
                f"the role {conn.info.user} may not do this",
                read_roles(conn).in_text(f'Let it: grant credits_operator to "{conn.info.user}".'),
            ) from None
        except psycopg.Error as error:
            raise AlertsError(
                error.diag.message_primary or str(error), error.diag.message_hint or ""
            ) from None
    return alert


def _read(conn: Connection, conditions: tuple[str, ...], parameters: dict[str, Any]) -> list[Alert]:
    columns = sql.SQL(", ").join(sql.Identifier("a", column) for column in COLUMNS)
    query = sql.SQL(" union all ").join(
        _SELECT.format(columns, sql.SQL(f"({condition}) and {_WANTED}")) for condition in conditions
    )
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(query, parameters).fetchall()
