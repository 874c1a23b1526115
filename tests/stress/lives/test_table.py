"""The table of a generation's life cannot be reworded, cut or moved past its tests."""

from __future__ import annotations

import pytest

from stress.lives.table import (
    EVENTS,
    NOTHING,
    STATUSES,
    Branch,
    Effect,
    parse_cell,
    read_table,
)
from support.paths import PROCEDURES_PAGE

TEXT = PROCEDURES_PAGE.read_text(encoding="utf-8")


def test_there_is_a_rule_for_every_event_but_a_deadline_that_passes_after_the_end() -> None:
    expected = {
        (status, event)
        for status in STATUSES
        for event in EVENTS
        if event != "deadline" or status in ("pending", "processing")
    }

    assert set(read_table(TEXT)) == expected


def test_a_cell_is_read_clause_by_clause() -> None:
    assert parse_cell("lower final price: difference back (applied); else replay") == (
        Branch("lower final price", (Effect("raises"), Effect("applies"))),
        Branch("else", (Effect("replays"),)),
    )
    assert parse_cell("not applied; cost booked; alert `late_success_after_refund`") == (
        Branch(
            "",
            (Effect("keeps"), Effect("books"), Effect("alerts", "late_success_after_refund")),
        ),
    )
    assert parse_cell("→ cancelled, 100 %") == (
        Branch("", (Effect("becomes", "cancelled"), Effect("settles by percent", "100"))),
    )


@pytest.mark.parametrize(
    "cell",
    ["", "replay or so", "→ lost, maybe", "at night: replay; else replay", "else replay; replay"],
)
def test_what_is_not_understood_is_an_error(cell: str) -> None:
    with pytest.raises(AssertionError):
        parse_cell(cell)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## The life of a generation", "## Lives"),
        ("| status | submitted |", "| status | attached |"),
        ("| timed_out | mapping", "| late | mapping"),
    ],
)
def test_a_table_that_is_not_found_is_an_error(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(AssertionError):
        read_table(TEXT.replace(old, new))


def test_a_dash_is_no_rule() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| succeeded | mapping"))
    assert row.endswith(f"| {NOTHING} |")
    assert ("succeeded", "deadline") not in read_table(TEXT)
