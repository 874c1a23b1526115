"""What a write to columns with credits means: a total decides, a part alone moves its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

#: For each case the columns (before, after, the place of the total that includes it), and by how
#: much each moves its own credits.
CASES: dict[str, tuple[list[tuple[int, int | None, int | None]], list[int | None]]] = {
    "one column": ([(10, 7, None)], [-3]),
    "nothing": ([(10, 10, None), (5, 5, 1)], [0, 0]),
    "two that add up": ([(10, 7, None), (5, 9, None)], [-3, 4]),
    "a total": ([(10, 7, None), (5, 5, 1)], [-3, 0]),
    "a total and its part": ([(10, 7, None), (5, 2, 1)], [0, -3]),
    "a total and some of it": ([(10, 7, None), (5, 4, 1)], [-2, -1]),
    "a purchase": ([(10, 110, None), (5, 105, 1)], [0, 100]),
    "a part alone": ([(10, 10, None), (5, 2, 1)], [0, -3]),
    "a part that moved by more than its total": ([(10, 7, None), (5, 0, 1)], [-3, 0]),
    "a part that went the other way": ([(10, 60, None), (5, 0, 1)], [50, 0]),
    "two parts": ([(10, 16, None), (2, 4, 1), (3, 6, 1)], [1, 2, 3]),
    "null": ([(10, None, None)], [None]),
}


@pytest.mark.parametrize("case", CASES)
def test_moves(conn: psycopg.Connection[Any], case: str) -> None:
    columns, expected = CASES[case]
    buckets = ", ".join(
        f"row({before}, {'null' if after is None else after}, true, false, {part_of or 'null'},"
        " null, 100, null)::credits_internal.legacy_bucket"
        for before, after, part_of in columns
    )

    moves = conn.execute(
        f"select credits, is_expiring from credits_internal.legacy_moves(array[{buckets}])"
        " order by place".encode()
    ).fetchall()

    assert [move.credits for move in moves] == expected
    if case == "a total":
        # Whatever it includes may pay.
        assert moves[0].is_expiring is None
