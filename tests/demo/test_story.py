"""The story, told in this process: it repeats, and it notices what is not as it should be."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pgcredits.cli.demo import demo
from pgcredits.cli.deploy import Format
from pgcredits.demo import story, world
from pgcredits.demo.bad_requests import BAD_REQUESTS, BadRequest
from pgcredits.demo.client import Client, RefusedCallError
from pgcredits.demo.clock import Calendar
from pgcredits.errors import LedgerViolationError, PgcreditsError, ServerError
from support.api import call

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database, Template


class Nobody:
    """Who watches the story and says nothing."""

    def scene(self, title: str, steps: int) -> None: ...

    def step(self) -> None: ...


def told_on(
    database: Database, today: datetime, connections: int, users: int = 25
) -> dict[str, Any]:
    """Tell the story as if it were that day; all that must repeat."""
    crowd, ada = story.invite(1, users)
    with ExitStack() as closing:
        desk = story.Desk.open(database.dsn, connections, closing)
        desk.calendar = Calendar(today)
        set_clock = desk.clock.set
        desk.clock.set_right = lambda: set_clock(today)  # type: ignore[method-assign]
        story.Teller(desk, crowd, ada, Nobody()).tell()
        tally = dict(vars(desk.tally()))
    del tally["samples"]
    with database.connect() as conn:
        accounts = conn.execute(
            "select account, credits from credits_monitoring.trial_balance order by account"
        ).fetchall()
    return {**tally, "accounts": accounts}


def test_the_totals_depend_neither_on_the_day_nor_on_the_connections(template: Template) -> None:
    days = [
        (datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC), 3),  # a February behind it
        (datetime(2024, 4, 30, 12, tzinfo=UTC), 1),
        (datetime(2027, 8, 31, 23, 30, tzinfo=UTC), 4),
    ]
    told = []
    for today, connections in days:
        with template.clone() as database:
            told.append(told_on(database, today, connections))

    assert told[0]["done"]["deduct_user_credits"] > 100
    assert told[1] == told[0]
    assert told[2] == told[0]


def tampers_with_the_ledger(desk: story.Desk, ada: world.User) -> None:
    desk.owner.connection.execute("alter table credits.credit_transactions disable trigger user")
    desk.owner.connection.execute(
        "update credits.credit_transactions set credits = credits + 1 where seq = 1"
    )


@pytest.mark.parametrize("output_format", list(Format))
def test_a_ledger_that_does_not_prove_itself_ends_in_exit_status_7(
    output_format: Format, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vandal = story.Scene("a vandal", 0, None, (story.Ada(tampers_with_the_ledger),))
    monkeypatch.setattr(story, "STORY", (*story.STORY, vandal))

    with pytest.raises(LedgerViolationError, match=r"violations in .* ledger rows") as failure:
        demo(seed=1, users=2, keep=False, output_format=output_format)

    assert failure.value.exit_status == 7
    assert "entry_hash" in capsys.readouterr().out or output_format is Format.JSON


def test_an_error_in_a_connection_ends_the_story(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a single surprise is passed over: what is not expected by the story stops it."""

    def overspend(app: Client, user: world.User, _: Calendar) -> None:
        world.charge(app, user, 10**9, "too-much")

    scene = story.Scene("overspent", 0, None, (story.Everybody(overspend),))
    monkeypatch.setattr(story, "STORY", (scene,))

    with pytest.raises(RefusedCallError, match="the user has 0 credits") as refusal:
        told_on(database, datetime(2026, 3, 15, tzinfo=UTC), connections=2, users=5)

    assert refusal.value.hint
    assert refusal.value.figures == {"balance": 0, "required": 10**9}


def a_user_with_a_past(database: Database) -> world.User:
    _, user = story.invite(1, 1)
    with Client(database.dsn, "credits_app") as app:
        world.buy(app, user, world.SMALL, "payment")
        world.charge(app, user, 4, "generation")
    return user


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=lambda bad: bad.request.__name__)
def test_a_bad_request_is_refused_and_changes_nothing(
    bad: BadRequest, database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user_with_a_past(database)
    before = call(conn, "get_user_credits", user.id)

    with Client(database.dsn, "credits_app") as app:
        bad.make(app, user)

    assert call(conn, "get_user_credits", user.id) == before
    assert app.tally.refused.total() == 1


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (BadRequest(world.show_account, "PT402", "insufficient_credits"), "it was let through"),
        (
            dataclasses.replace(BAD_REQUESTS[0], code="account_frozen"),
            "PT402 insufficient_credits: the user has 46",
        ),
    ],
)
def test_a_bad_request_with_another_answer_is_a_failure(
    bad: BadRequest, complaint: str, database: Database
) -> None:
    user = a_user_with_a_past(database)

    with (
        Client(database.dsn, "credits_app") as app,
        pytest.raises(PgcreditsError, match=complaint),
    ):
        bad.make(app, user)


def test_a_lost_server_is_a_sentence(database: Database, conn: psycopg.Connection[Any]) -> None:
    _, user = story.invite(1, 1)
    with Client(database.dsn, "credits_app") as app:
        conn.execute("select pg_terminate_backend(%s, 10000)", [app.connection.info.backend_pid])
        with pytest.raises(ServerError):
            world.show_account(app, user)


def test_a_user_whom_a_sweep_cannot_serve_ends_the_story(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    _, user = story.invite(1, 1)
    with Client(database.dsn, "credits_operator") as office:
        world.subscribe(office, user, "plus")
        # No lot can be made any more.
        conn.execute("alter table credits.credit_lots add constraint none check (false) not valid")
        with pytest.raises(PgcreditsError, match="apply_monthly_allowances could not serve"):
            world.grant_allowances(office)
