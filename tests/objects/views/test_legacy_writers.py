from __future__ import annotations

from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, START, shown
from objects.views.timed_generations import HOUR
from support.api import new_user
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


def test_each_application_role_name_and_statement_is_a_row(conn: psycopg.Connection[Any]) -> None:
    bob = new_user()
    assert shown(conn, "legacy_writers", "statement") == []
    for hours, user, statement in ((0, ANN, "update"), (1, ANN, "update"), (2, bob, "update"),
                                   (3, ANN, "call")):  # fmt: skip
        set_clock(conn, START + hours * HOUR)
        application = "jobs" if statement == "call" else "web"
        conn.execute("select set_config('application_name', %s, false)", [application])
        conn.execute(
            "select credits_internal.note_legacy_write(%s, 'public.wallets', %s)",
            [user, statement],
        )
    conn.execute("select credits_internal.note_legacy_write(null, 'public.wallets', 'update')")
    (me,) = conn.execute("select session_user").fetchall()

    found = [tuple(line) for line in shown(conn, "legacy_writers", "statement")]

    assert found == [
        ("jobs", me[0], "public.wallets", "call", 1, 1, START + 3 * HOUR, START + 3 * HOUR),
        ("web", me[0], "public.wallets", "update", 3, 2, START, START + 2 * HOUR),
    ]
    # One alert for the application, however often it writes; none for calls.
    assert conn.execute(
        "select type, level::text, occurrences, dedup_key from credits.system_alerts"
    ).fetchall() == [("legacy_write", "info", 1, "web: public.wallets")]
