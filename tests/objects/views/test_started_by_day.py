from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import TODAY, TOMORROW
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, begin, end, set_zone
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


def test_each_generation_stands_on_the_day_of_its_start_with_its_facts(
    conn: psycopg.Connection[Any],
) -> None:
    # 18:30 UTC is midnight in Kolkata.
    set_zone(conn, "Asia/Kolkata")
    midnight = START.replace(hour=18, minute=30)
    before = begin(conn, midnight - timedelta(hours=2), p_timeout=3 * DAY)
    end(conn, before, midnight - timedelta(seconds=1), "succeeded")
    after = begin(conn, midnight, p_timeout=3 * DAY)
    end(conn, after, midnight + timedelta(hours=1), "internal_error")
    running = begin(conn, midnight, p_timeout=3 * DAY)
    real_clock(conn)

    found = conn.execute(
        "select * from credits_monitoring.started_by_day"
        " order by day, array_position(array['succeeded', 'failed', 'pending'], status::text)"
    ).fetchall()

    assert [(row.generation_id, row.day) for row in found] == [
        (before.generation, TODAY),
        (after.generation, TOMORROW),
        (running.generation, TOMORROW),
    ]
    assert [row.day_starts_at for row in found[:2]] == [midnight - DAY, midnight]
    for row in found:
        facts = conn.execute(
            "select * from credits_monitoring.generation_facts where generation_id = %s",
            (row.generation_id,),
        ).fetchone()
        assert facts is not None
        for column in row._fields:
            if column not in ("day", "day_starts_at"):
                assert getattr(row, column) == getattr(facts, column), column
