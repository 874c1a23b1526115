from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from objects.users.ids import CLERK, IDS, REFUSED, UUIDS, hashed
from support.api import value
from support.books import refused_argument

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize("external_id", IDS)
def test_a_text_gives_a_uuid_that_every_language_can_compute(
    conn: psycopg.Connection[Any], external_id: str
) -> None:
    found = value(conn, "user_id", external_id)

    assert found == hashed(external_id)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)


def test_the_hash_never_changes(conn: psycopg.Connection[Any]) -> None:
    # Written down: whoever computes it elsewhere has stored it.
    assert value(conn, "user_id", CLERK) == UUID("e2850586-bfd5-83b1-9e79-832fb05ceb8b")
    assert value(conn, "user_id", "1") == UUID("4b2f5c7d-6857-8ff1-bbf4-ff1ba6b38679")


@pytest.mark.parametrize("external_id", UUIDS)
def test_a_uuid_stands_for_itself(conn: psycopg.Connection[Any], external_id: str) -> None:
    assert value(conn, "user_id", external_id) == UUID(external_id)


def test_case_counts_in_a_text(conn: psycopg.Connection[Any]) -> None:
    assert value(conn, "user_id", CLERK.lower()) != value(conn, "user_id", CLERK)


def test_null_gives_null(conn: psycopg.Connection[Any]) -> None:
    assert value(conn, "user_id", None) is None


@pytest.mark.parametrize("external_id", REFUSED)
def test_what_could_stand_for_somebody_else_is_refused(
    conn: psycopg.Connection[Any], external_id: str
) -> None:
    with refused_argument(conn, "p_external_id", value=external_id[:100]) as refusal:
        value(conn, "user_id", external_id)

    assert refusal.error
    assert REFUSED[external_id] in (refusal.error.diag.message_primary or "")


def test_nobody_can_name_themselves_anothers_hash(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_external_id"):
        value(conn, "user_id", str(value(conn, "user_id", CLERK)))


def test_it_can_be_used_in_an_index(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "create table public.members (id text primary key);"
        "insert into public.members select 'user_' || i from generate_series(1, 2000) as i;"
        "create index on public.members (credits.user_id(id));"
        "analyze public.members;"
        "set enable_seqscan = off"
    )
    query = "select m.id from public.members as m where credits.user_id(m.id) = %s"

    assert conn.execute(query, (hashed("user_77"),)).fetchall() == [("user_77",)]
    plan = conn.execute(f"explain {query}", (hashed("user_77"),)).fetchall()
    assert any("members_user_id_idx" in line for (line,) in plan)


def test_it_may_run_in_parallel_and_ahead_of_time(conn: psycopg.Connection[Any]) -> None:
    (row,) = conn.execute(
        "select p.proparallel::text, p.provolatile::text, p.proisstrict from pg_proc as p"
        " where p.oid = 'credits.user_id(text)'::regprocedure"
    ).fetchall()

    assert row == ("s", "i", True)


def test_it_reads_no_table(conn: psycopg.Connection[Any]) -> None:
    with conn.transaction(force_rollback=True):
        conn.execute("select credits.user_id('user_1')")
        conn.execute("lock table credits.external_users in access exclusive mode")
        locks = conn.execute(
            "select l.relation::regclass::text as name from pg_locks as l"
            " where l.pid = pg_backend_pid() and l.relation::regclass::text like 'credits%'"
        ).fetchall()

    assert locks == [("credits.external_users",)]
