from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize("timeout", ["0", "60001ms", "90s", "10min", "5h", "7d"])
def test_it_is_not_up_at_the_beginning_whatever_the_timeout(
    conn: psycopg.Connection[Any], timeout: str
) -> None:
    conn.execute(f"set statement_timeout = '{timeout}'".encode())

    assert conn.execute("select credits_internal.time_is_up() as up").fetchall() == [(False,)]


def test_it_is_up_once_half_of_the_timeout_has_passed(conn: psycopg.Connection[Any]) -> None:
    conn.execute("set statement_timeout = '400ms'")

    conn.execute(
        """
        do $$
        begin
            while not credits_internal.time_is_up() loop
            end loop;
            assert clock_timestamp() - statement_timestamp() > interval '200 milliseconds';
        end $$
        """
    )
