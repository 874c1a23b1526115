"""The play, in this process: it judges right, and it notices what is not as it should be."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from psycopg.pq import TransactionStatus

import pgcredits.server
from pgcredits import deploy
from pgcredits.cli import demo as demo_command
from pgcredits.cli.demo import demo
from pgcredits.cli.options import Format
from pgcredits.connections import connect
from pgcredits.demo import ada, month, scenarios, stage
from pgcredits.demo.client import Client
from pgcredits.demo.provider import Order
from pgcredits.demo.results import judge, read_results
from pgcredits.errors import LedgerViolationError, PgcreditsError, ServerError
from pgcredits.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pgcredits.demo.results import Results
    from pgcredits.server import Server
    from support.databases import Database, Template

#: The threads of a play, by the beginnings of their names.
THREADS = ("application", "provider", "maintenance", "timetable")

NOTHING_IS_DUE = """
create function public.nothing_is_due() returns trigger language plpgsql as
'begin new.refund_due_credits := 0; return new; end';
create trigger nothing_is_due before update on credits.generations
for each row execute function public.nothing_is_due()
"""
NOTHING_WAITS = """
create or replace function credits_internal.apply_waiting(
    p_generation credits.generations, p_provider_task_id text
)
returns bigint language sql volatile as 'select 0::bigint'
"""
FAILURES_OVERRULE_SUCCESSES = """
create or replace function credits_internal.generation_life()
returns table (
    status text,
    event text,
    next_status text,
    outcome text,
    due text,
    due_in_full_for text,
    books text,
    is_late_success boolean,
    alert text,
    alerts_only_if_refunded boolean,
    description text
)
language sql stable
as $$
    select
        r.status,
        r.event,
        case
            when (r.status, r.event) = ('succeeded', 'failure') then 'failed'
            else r.next_status
        end,
        case
            when (r.status, r.event) = ('succeeded', 'failure') then 'applied' else r.outcome
        end,
        case when (r.status, r.event) = ('succeeded', 'failure') then 'policy' else r.due end,
        r.due_in_full_for,
        case when (r.status, r.event) = ('succeeded', 'failure') then 'reported' else r.books end,
        r.is_late_success,
        r.alert,
        r.alerts_only_if_refunded,
        r.description
    from credits_internal.true_generation_life() as r
$$
"""


class Nobody:
    """Who watches the play and says nothing."""

    def scene(self, title: str, steps: int | None = None) -> None: ...

    def reach(self, steps: int) -> None: ...


def played_on(
    database: Database, users: int = 1, patience: float = stage.PATIENCE_SECONDS
) -> Results:
    play = stage.play(database.dsn, users, Nobody(), patience)
    return read_results(
        database.dsn, users=users, play=play, user_id=uuid4(), verification=verify(database.dsn)
    )


def wrong_scenarios(results: Results) -> set[str]:
    return {wrong.scenario for wrong in results.wrong}


@pytest.fixture(autouse=True)
def no_threads_stay() -> Iterator[None]:
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith(THREADS)]


def test_every_generation_of_every_user_ends_at_the_right_net_price(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    results = played_on(database, users=3)

    assert results.wrong == []
    assert {outcome.generations for outcome in results.outcomes} == {3}
    generations = conn.execute("select from credits.generations").rowcount
    assert generations == len(results.play.orders) == 3 * len(results.outcomes)
    entries = conn.execute(
        "select credits from credits.credit_transactions where generation_id is not null"
    )
    assert -sum(row.credits for row in entries) == sum(outcome.net for outcome in results.outcomes)
    # The fault that was put in is gone again.
    assert deploy.check(database.dsn).findings == ()
    assert conn.execute("select from credits_monitoring.users_needing_refunds").rowcount == 0


CALLBACKS = {
    "success": ["progress", "success"],
    "success at once, no callback": [],
    "success, twice at once": ["success", "success"],
    "success before it is attached": ["success"],
    "success, then progress": ["success", "progress"],
    "success, then a failure": ["success", "failure"],
    "501 generation_failed": ["progress", "failure"],
    "failure, reported twice": ["failure", "failure"],
    "failure, then a success": ["failure", "success"],
    "never a callback": [],
    "callback with an unknown code": ["unclassified"],
    "nonsense, then a success": ["unclassified"] * 3 + ["success"],
    "success after the deadline": ["success"],
    "failure after the deadline": ["failure"],
    "crash for good, unattached": [],
    "crash before the attachment": ["success"],
    "crash amid a failure callback": ["failure"],
    "crash after a callback": ["failure", "failure"],
    "cancelled, but made anyway": ["success"],
}


def test_each_scenario_happens_as_it_is_named(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    """Read from the events that the database kept."""
    events: dict[str, list[Any]] = {}
    for order in played_on(database).play.orders:
        events[order.scenario.title] = conn.execute(
            "select event, is_callback, status_before, xmin::text as written_by"
            " from credits.generation_events where generation_id = %s order by event_no",
            [order.generation_id],
        ).fetchall()

    assert {
        title: [row.event for row in events[title] if row.is_callback] for title in CALLBACKS
    } == CALLBACKS
    for title in ("success after the deadline", "failure after the deadline"):
        assert [row.status_before for row in events[title] if row.is_callback] == ["timed_out"]
    # They waited in the inbox: whoever attached the task applied them.
    for title in ("success before it is attached", "crash before the attachment"):
        submitted, success = events[title][1:]
        assert (submitted.event, success.event) == ("submitted", "success")
        assert submitted.written_by == success.written_by
    # The callback of the generation that nobody took up again still waits.
    waiting = conn.execute("select code from credits.provider_callbacks").fetchall()
    assert [row.code for row in waiting] == ["200"]


def test_the_application_crashes_once_in_each_of_its_scenarios(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_open: list[bool] = []
    crash = Client.crash

    def noted(client: Client) -> None:
        status = client.connection.info.transaction_status
        found_open.append(status is TransactionStatus.INTRANS)
        crash(client)

    monkeypatch.setattr(Client, "crash", noted)

    results = played_on(database)

    assert results.wrong == []
    assert len(found_open) == len(scenarios.CRASHES)
    # While it starts a generation, and amid two callbacks.
    assert found_open.count(True) == 3


# --- what it must notice --------------------------------------------------------------------------


def test_a_failure_that_gives_nothing_back_is_a_wrong_net(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    conn.execute(NOTHING_IS_DUE)

    results = played_on(database)

    assert {"501 generation_failed", "never a callback", "provider not reached"} <= wrong_scenarios(
        results
    )
    assert {wrong.refunded for wrong in results.wrong} == {0}
    assert not {"success", "cancelled once submitted"} & wrong_scenarios(results)


@pytest.mark.tampers
def test_a_refund_of_what_succeeded_is_a_wrong_net(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    conn.execute("alter function credits_internal.generation_life rename to true_generation_life")
    conn.execute(FAILURES_OVERRULE_SUCCESSES)

    results = played_on(database)

    assert wrong_scenarios(results) == {"success, then a failure"}


def test_a_generation_that_never_ends_is_waited_for_no_longer_than_something_changes(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    conn.execute(NOTHING_WAITS)

    results = played_on(database, patience=3)

    # Others may have lost a callback too, on a slow machine: what came of them depends on when.
    stuck = {wrong.scenario: wrong.owed for wrong in results.wrong if wrong.status == "processing"}
    assert {"success before it is attached", "failure before it is attached"} <= stuck.keys()
    assert set(stuck.values()) == {None}


class Row(NamedTuple):
    generation_id: UUID
    status: str
    charges: int
    charged: int
    refunded: int


@pytest.mark.parametrize(
    ("found", "is_right"),
    [
        (("succeeded", 1, 5, 0), True),
        (("timed_out", 1, 5, 5), True),
        (("succeeded", 1, 5, 1), False),
        (("timed_out", 1, 5, 4), False),
        (("timed_out", 1, 5, 6), False),
        (("succeeded", 1, 4, 0), False),
        (("succeeded", 2, 10, 5), False),
        (("failed", 1, 5, 5), False),
        (("processing", 1, 5, 0), False),
        (("missing", 1, 5, 5), False),
        (None, False),
    ],
)
def test_each_generation_is_judged_by_how_it_ended(
    found: tuple[Any, ...] | None, is_right: bool
) -> None:
    (scenario,) = [
        one for one in scenarios.SILENCES if one.title == "success right at the deadline"
    ]
    order = Order(scenario, uuid4(), 5, uuid4())
    rows = [Row(order.generation_id, *found)] if found else []

    (outcome,) = judge([order], rows)

    assert (outcome.wrong == []) is is_right


def test_one_wrong_generation_is_not_balanced_by_another() -> None:
    """The sums are right, but one user has lost what another was given."""
    (scenario,) = [one for one in scenarios.FAILURES if one.title == "failure, reported twice"]
    orders = [Order(scenario, uuid4(), 5, uuid4()) for _ in range(2)]
    refunded = (10, 0)
    rows = [
        Row(order.generation_id, "failed", 1, 5, back)
        for order, back in zip(orders, refunded, strict=True)
    ]

    (outcome,) = judge(orders, rows)

    assert outcome.net == 0
    assert len(outcome.wrong) == 2


@pytest.mark.parametrize(
    ("sabotage", "complaint"),
    [
        ("revoke execute on function credits.attach_provider_task from credits_app", "denied"),
        ("revoke execute on function credits.handle_provider_callback from credits_app", "denied"),
        ("revoke execute on function credits.retry_failed_refunds from credits_operator", "denied"),
        (
            "alter table credits.generation_events add constraint none"
            " check (event <> 'deadline') not valid",
            "sweep_stuck_generations could not serve",
        ),
    ],
    ids=["application", "webhook", "maintenance", "sweep"],
)
def test_an_error_in_any_thread_ends_the_play(
    database: Database, conn: psycopg.Connection[Any], sabotage: str, complaint: str
) -> None:
    """An error that no scenario expects stops the play."""
    conn.execute(sabotage.encode())

    with pytest.raises(PgcreditsError, match=complaint):
        played_on(database, users=2)


def test_a_lost_server_is_a_sentence(database: Database, conn: psycopg.Connection[Any]) -> None:
    with Client(database.dsn, "credits_app") as app:
        conn.execute("select pg_terminate_backend(%s, 10000)", [app.connection.info.backend_pid])
        with pytest.raises(ServerError):
            app.call("get_user_credits", p_user_id=uuid4())


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """The servers that are started, to see what is left of them."""
    started: list[Server] = []
    real = pgcredits.server.ephemeral_server

    @contextmanager
    def noted() -> Iterator[Server]:
        with real() as server:
            started.append(server)
            yield server

    monkeypatch.setattr(pgcredits.server, "ephemeral_server", noted)
    return started


def sabotage_what_is_installed(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    migrate = deploy.migrate

    def migrate_and_break(dsn: str) -> None:
        migrate(dsn)
        with connect(dsn) as conn:
            for statement in statements:
                conn.execute(statement.encode())

    monkeypatch.setattr(deploy, "migrate", migrate_and_break)


def require_gone(servers: list[Server]) -> None:
    (server,) = servers
    assert not server.folder.exists()
    assert server.pid is None


@pytest.mark.slow
@pytest.mark.usefixtures("half_a_month")
def test_nothing_is_left_of_it(servers: list[Server], capsys: pytest.CaptureFixture[str]) -> None:
    demo(users=1, keep=False, output_format=Format.TEXT)

    require_gone(servers)
    assert "net prices: right for each of" in capsys.readouterr().out


@pytest.fixture
def in_both_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened in a demo is printed twice, as text and as JSON: it takes long to play."""
    present = demo_command.present

    def present_both(results: Results, made: Any, _: Format, kept: Server | None = None) -> None:
        for output_format in Format:
            present(results, made, output_format, kept)

    monkeypatch.setattr(demo_command, "present", present_both)


@pytest.fixture
def half_a_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """The month takes longest, and is not what the test is about."""
    monkeypatch.setattr(month, "DAYS", 14)


@pytest.mark.usefixtures("in_both_formats", "half_a_month")
def test_a_wrong_net_ends_in_exit_status_7(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sabotage_what_is_installed(monkeypatch, NOTHING_IS_DUE)

    with pytest.raises(LedgerViolationError, match="did not end as they should") as failure:
        demo(users=1, keep=False, output_format=Format.TEXT)

    assert failure.value.exit_status == 7
    require_gone(servers)
    printed = capsys.readouterr().out
    answer, _ = json.JSONDecoder().raw_decode(printed, printed.index("{\n"))
    wrong = {row["scenario"] for row in answer["wrong"]}
    assert "501 generation_failed" in wrong
    assert wrong == {row["scenario"] for row in answer["scenarios"] if not row["net_is_right"]}
    assert answer["totals"]["wrong"] == len(answer["wrong"])
    assert "generations are WRONG" in printed
    assert "NO" in printed.split()
    assert "Wrong" in [line.strip() for line in printed.splitlines()]


@pytest.mark.usefixtures("in_both_formats", "half_a_month")
def test_a_ledger_that_does_not_prove_itself_ends_in_exit_status_7(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live = ada.live

    def live_and_tamper(dsn: str) -> UUID:
        user_id = live(dsn)
        with connect(dsn) as conn:
            conn.execute("alter table credits.credit_transactions disable trigger user")
            conn.execute(
                "update credits.credit_transactions set credits = credits + 1 where seq = 1"
            )
        return user_id

    monkeypatch.setattr(ada, "live", live_and_tamper)

    with pytest.raises(LedgerViolationError, match=r"violations in .* ledger rows") as failure:
        demo(users=1, keep=False, output_format=Format.TEXT)

    assert failure.value.exit_status == 7
    printed = capsys.readouterr().out
    assert "entry_hash" in printed
    answer, _ = json.JSONDecoder().raw_decode(printed, printed.index("{\n"))
    assert answer["totals"]["wrong"] == 0


def test_an_error_leaves_no_server_either(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage_what_is_installed(
        monkeypatch, "revoke execute on function credits.cancel_generation from credits_app"
    )

    with pytest.raises(PgcreditsError, match="cancel_generation was refused"):
        demo(users=1, keep=False, output_format=Format.JSON)

    require_gone(servers)


# --- Ada ------------------------------------------------------------------------------------------


def test_what_the_printed_ledger_shows_does_not_depend_on_the_day(template: Template) -> None:
    days = [
        datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC),  # a February behind it
        datetime(2024, 4, 30, 12, tzinfo=UTC),
        datetime(2027, 8, 31, 23, 30, tzinfo=UTC),
    ]
    ledgers = []
    for today in days:
        with template.clone() as database:
            user_id = ada.live(database.dsn, today)
            with database.connect() as conn:
                ledgers.append(
                    conn.execute(
                        "select seq, transaction_type, source, credits, balance_after"
                        " from credits.credit_transactions where user_id = %s order by seq",
                        [user_id],
                    ).fetchall()
                )

    assert {row.transaction_type for row in ledgers[0]} == {
        "grant",
        "deduction",
        "refund",
        "expiry",
        "revocation",
    }
    assert ledgers[1] == ledgers[0]
    assert ledgers[2] == ledgers[0]


def test_a_user_whom_a_sweep_cannot_serve_ends_the_story(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # Nobody can be given an allowance any more.
    conn.execute(
        "alter table credits.credit_lots add constraint none"
        " check (source <> 'allowance') not valid"
    )
    with pytest.raises(PgcreditsError, match="apply_allowances could not serve"):
        ada.live(database.dsn)
