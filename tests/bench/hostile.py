"""Attack generations by a role that may only CONNECT: `python tests/bench/hostile.py --help`.

Generations that fail and are refunded (failure.pgbench) run in four surroundings, which take turns:

calm: nobody else is there.
elsewhere: the hostile sessions are in another database of the server: what their work costs.
here: they are in the same database.
full: they are, and the queue of NOTIFY is full.

In all of them alerts are raised and followed, and maintenance runs every second.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench import probes, runs, tables
from bench.attacks import ATTACKS, Attack, Tried, attacking, filling
from bench.program import OPTIONS, _facts
from bench.setting import Setting
from pgcredits.alerts import Bookmark, Event, Follower
from pgcredits.errors import PgcreditsError
from pgcredits.long_running import Stop
from pgcredits.maintenance import Done, Maintenance
from pgcredits.server import ephemeral_server, find_binaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pgcredits.server import Binaries

Connection = psycopg.Connection[Any]

SIDES = ("calm", "elsewhere", "here", "full")
LEAST_RATIO = 0.9
SECONDS_BETWEEN_ALERTS = 0.33
#: Followers and maintenance look so often by themselves.
EVERY = 1.0
#: The size of the queue of NOTIFY can be set from this version on.
OLDEST_WITH_A_SIZE = 17
#: Larger queues, which are those of a server that is used, are not filled.
MOST_PAGES = 4096
PAGES = 1024

#: What must hold of the generations afterwards, each with how many break it.
SETTLED = """
    with refunds as (
        select t.user_id, t.refund_of, count(*) as n, sum(t.credits) as credits
        from credits.credit_transactions as t
        where t.refund_of is not null
        group by t.user_id, t.refund_of
    )
    select
        count(*) as generations,
        count(*) filter (where g.status <> 'failed') as not_settled,
        count(*) filter (where r.n is distinct from 1 or r.credits <> g.credits_charged)
            as not_refunded_once
    from credits.generations as g
    left join refunds as r on r.user_id = g.user_id and r.refund_of = g.charge_transaction_id
"""


@dataclass
class Raised:
    """The alerts that were raised on one side.

    Attributes:
        at: When raising each began, by its id.
        queue: How full the queue of NOTIFY was at the end of each run.
    """

    at: dict[str, float] = field(default_factory=dict)
    queue: list[float] = field(default_factory=list)


class Company:
    """Who works beside the generations: raises alerts, follows them, runs maintenance."""

    def __init__(self, dsn: str) -> None:
        """Nothing runs yet."""
        self.side = SIDES[0]
        self.raised = {side: Raised() for side in SIDES}
        self.told: dict[str, float] = {}
        self.complaints: list[str] = []
        self._dsn = dsn
        self._stop = Stop()
        self._bookmark = Bookmark()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Maintain until the end of the block."""
        maintenance = Maintenance(self._dsn, self._stop)
        maintenance.open()
        thread = Thread(target=maintenance.run_rounds, args=(EVERY, self._look_at))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            maintenance.close()

    @contextmanager
    def raising(self, side: str) -> Iterator[None]:
        """Raise and follow alerts until the end of the block, and wait until all have been told.

        The follower is a new one each time: while the queue of NOTIFY is full nobody wakes a
        session that listens, so that it would keep the queue full in the next run, too.
        """
        self.side = side
        end = Stop()
        raised = self.raised[side]
        raising = Thread(target=self._raise_alerts, args=(raised, end))
        with self._following():
            raising.start()
            try:
                yield
            finally:
                end.set()
                raising.join()
                self._wait_for(raised.at)

    def catch_up(self, alerts: Iterable[str]) -> None:
        """Follow until these alerts have been told: some were raised when nobody followed."""
        with self._following():
            self._wait_for(alerts)

    @contextmanager
    def _following(self) -> Iterator[None]:
        end = Stop()
        follower = Follower(
            self._dsn,
            self,
            bookmark=self._bookmark,
            keep=lambda _: None,
            stop=end,
            tell=self._complain,
            every=EVERY,
        )
        following = Thread(target=follower.run)
        following.start()
        try:
            yield
        finally:
            end.set()
            following.join()

    def _wait_for(self, alerts: Iterable[str]) -> None:
        try:
            probes.wait_until(lambda: self.told.keys() >= set(alerts), "alerts")
        except TimeoutError as error:
            self._complain(str(error))

    def deliver(self, event: Event) -> None:
        """Note when an alert was told."""
        self.told.setdefault(str(event.alert.alert_id), time.monotonic())

    def _raise_alerts(self, raised: Raised, stop: Stop) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as conn:
                while True:
                    began = time.monotonic()
                    row = conn.execute(
                        "select credits.raise_alert('bench', 'm', p_dedup_key => %s)",
                        (secrets.token_hex(8),),
                    ).fetchone()
                    if row is None or row[0] is None:
                        self._complain("an alert was not raised")
                    else:
                        raised.at[str(row[0])] = began
                    if stop.wait(SECONDS_BETWEEN_ALERTS):
                        break
                usage = conn.execute("select pg_notification_queue_usage()").fetchone()
                raised.queue.append(float(usage[0]) if usage else 0.0)
        except psycopg.Error as error:
            self._complain(f"an alert could not be raised: {error}")

    def _look_at(self, done: Done) -> None:
        if done.error is not None or done.failed:
            self._complain(f"{done.task}: {done.failed} users failed: {done.error}")

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{self.side}: {text}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 where the generations and alerts bear it all, else 8."""
    args = _parser().parse_args(arguments)
    setting = Setting(
        **{name: vars(args)[name] for name in vars(args).keys() & Setting.__dataclass_fields__}
    )
    attacks = [a for a in ATTACKS if not args.attack or a.name in args.attack]
    try:
        binaries = runs.find_pgbench(args.bindir)
        with _server(args.dsn, args.bindir) as server:
            report = {
                "setting": asdict(setting),
                "server": _facts(server),
                **measure(binaries, server, attacks, setting),
            }
    except PgcreditsError as error:
        _tell(f"{error}\n{error.hint}")
        return error.exit_status
    print(json.dumps(report, indent=2) if args.json else markdown(report))  # noqa: T201
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
        args.output.with_suffix(".md").write_text(markdown(report) + "\n")
    is_slow = any(
        report["sides"][side]["of_elsewhere"] < LEAST_RATIO
        for side in report["sides"].keys() - {"calm"}
    )
    return 8 if is_slow or any(report["broken"].values()) else 0


def measure(
    binaries: Binaries, server: str, attacks: Sequence[Attack], setting: Setting
) -> dict[str, Any]:
    """Measure all sides in turns, and prove the ledgers afterwards."""
    with ExitStack() as stack:
        role = stack.enter_context(_role(server))
        dsn, other = (stack.enter_context(tables.database(server)) for _ in range(2))
        hostile: dict[str, tuple[str, list[Attack]]] = {
            "elsewhere": (make_conninfo(other, **role), list(attacks)),
            "here": (make_conninfo(dsn, **role), list(attacks)),
        }
        pages = _pages_of_the_queue(dsn)
        if pages is not None and any(a.name == "listener" for a in attacks):
            hostile["full"] = (hostile["here"][0], [*attacks, filling(pages)])
        sides = [side for side in SIDES if side == "calm" or side in hostile]
        with psycopg.connect(dsn, autocommit=True) as conn:
            tables.add_users(conn, setting.users)
        measured: dict[str, list[runs.Run]] = {side: [] for side in sides}
        tried: dict[str, dict[str, Tried]] = {side: {} for side in sides}
        warm = runs.run(binaries, dsn, "failure", runs.warm_up(setting), hot=False)
        tables.settle(dsn)
        company = Company(dsn)
        with company.working():
            for number in range(1, setting.rounds + 1):
                for side in sides:
                    with ExitStack() as around:
                        if side in hostile:
                            tried[side] = around.enter_context(attacking(*hostile[side]))
                        around.enter_context(company.raising(side))
                        one = runs.run(binaries, dsn, "failure", setting, hot=False)
                    measured[side].append(one)
                    _tell(f"{number}/{setting.rounds} {side}: {one.tps:.0f} generations/s")
        calls = warm.calls + sum(run.calls for of_side in measured.values() for run in of_side)
        with psycopg.connect(dsn, autocommit=True) as conn:
            proof = _prove(conn, calls, company)
    figures = {side: runs.summarise(of_side) for side, of_side in measured.items()}
    return {
        "sides": {
            side: {
                **asdict(own),
                "of_calm": round(own.tps / figures["calm"].tps, 4),
                "of_elsewhere": round(own.tps / figures["elsewhere"].tps, 4),
                **_alerts(company, side),
            }
            for side, own in figures.items()
        },
        "attacks": {
            name: {side: asdict(tried[side][name]) for side in sides if name in tried[side]}
            for name in dict.fromkeys(name for side in sides for name in tried[side])
        },
        **proof,
    }


def markdown(report: dict[str, Any]) -> str:
    """The report as tables for people."""
    setting, server = report["setting"], report["server"]
    return "\n".join(
        [
            f"PostgreSQL {server['server_version']}, fsync {server['fsync']}; {setting['users']} "
            f"users, {setting['clients']} clients, median of {setting['rounds']} alternating runs "
            f"of {setting['seconds']} s. {report['generations']} generations, "
            f"{report['alerts']} alerts.",
            "",
            "| | generations/s | of calm | of elsewhere | p50 ms | p99 ms | CPU µs "
            "| alerts told | after ms | at most | queue |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(
                f"| {side} | {s['tps']:.0f} | {s['of_calm']:.3f} | {s['of_elsewhere']:.3f} "
                f"| {s['p50_ms']:.2f} | {s['p99_ms']:.2f} | {s['cpu_us_per_call'] or 0:.0f} "
                f"| {s['alerts_told']} of {s['alerts_raised']} | {s['told_after_ms']:.0f} "
                f"| {s['told_after_at_most_ms']:.0f} | {s['queue_usage']:.0%} |"
                for side, s in report["sides"].items()
            ),
            "",
            "| what must not happen | times |",
            "|---|--:|",
            *(
                f"| {what} | {len(found) if isinstance(found, list) else found} |"
                for what, found in report["broken"].items()
            ),
            "",
            "| attack, in its last run here | done | refused |",
            "|---|--:|---|",
            *(
                f"| {name} | {s['done']} | "
                + ", ".join(f"{n} of {state}" for state, n in sorted(s["refused"].items()))
                + " |"
                for name, of_sides in report["attacks"].items()
                for s in [of_sides.get("here") or of_sides["full"]]
            ),
        ]
    )


def _prove(conn: Connection, calls: int, company: Company) -> dict[str, Any]:
    (settled,) = conn.execute(SETTLED).fetchall()
    violations = conn.execute("select * from credits.verify_ledger()").fetchall()
    alerts = [
        str(alert_id)
        for (alert_id,) in conn.execute("select a.alert_id from credits.system_alerts as a")
    ]
    company.catch_up(alerts)
    return {
        "generations": settled[0],
        "alerts": len(alerts),
        "broken": {
            "generations lost": calls - settled[0],
            "generations not settled": settled[1],
            "generations not refunded once": settled[2],
            "violations of the ledger": [str(v) for v in violations],
            "alerts not told": len(set(alerts) - company.told.keys()),
            "errors of maintenance, alerts and their follower": company.complaints,
        },
    }


def _alerts(company: Company, side: str) -> dict[str, Any]:
    raised = company.raised[side]
    after = [1000 * (company.told[a] - at) for a, at in raised.at.items() if a in company.told]
    return {
        "alerts_raised": len(raised.at),
        "alerts_told": len(after),
        "told_after_ms": round(statistics.median(after), 1),
        "told_after_at_most_ms": round(max(after), 1),
        "queue_usage": round(max(raised.queue), 4),
    }


@contextmanager
def _server(dsn: str | None, bindir: Path | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
        return
    options = OPTIONS | {"max_prepared_transactions": "10"}
    if find_binaries(bindir).major >= OLDEST_WITH_A_SIZE:
        options["max_notify_queue_pages"] = str(PAGES)
    with ephemeral_server(bindir=bindir, fsync=True, options=options) as server:
        yield server.dsn()


@contextmanager
def _role(server: str) -> Iterator[Mapping[str, str]]:
    """A role that may do what everybody may; gone afterwards, with whatever it has made."""
    role = {"user": f"pgcredits_bench_{secrets.token_hex(4)}", "password": secrets.token_hex(16)}
    name = sql.Identifier(role["user"])
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(
            sql.SQL("create role {} login password {}").format(name, sql.Literal(role["password"]))
        )
        try:
            yield role
        finally:
            conn.execute(sql.SQL("drop role {}").format(name))


def _pages_of_the_queue(dsn: str) -> int | None:
    """How many pages the queue of NOTIFY has; None = more than we fill."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select current_setting('max_notify_queue_pages', true)").fetchone()
    pages = int(row[0]) if row and row[0] else MOST_PAGES + 1
    return pages if pages <= MOST_PAGES else None


def _parser() -> argparse.ArgumentParser:
    pinned = Setting()
    parser = argparse.ArgumentParser(
        prog="tests/bench/hostile.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument(
        "--attack", action="append", choices=[a.name for a in ATTACKS], help="default: all"
    )
    for name in ("users", "clients", "threads", "rounds", "seconds"):
        parser.add_argument(f"--{name}", type=int, default=getattr(pinned, name))
    parser.add_argument("--transactions", type=int, help="calls per client, instead of --seconds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--output", type=Path, help="also write both: FILE.json and FILE.md", metavar="FILE"
    )
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
