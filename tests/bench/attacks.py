"""What a role that may only CONNECT can try, each attack in a session of its own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The keys of version 0.1.0, and of whatever else a key may be made of: tasks, users, tables, small
#: numbers.
KEYS = """
    select {lock}(hashtextextended('pgcredits:check_alerts', {seed}));
    select {lock}(1885823858, 1684369516 + {seed});
    select {lock}(hashtextextended('pgcredits:task:bench:task-' || i, {seed})),
        {lock}(hashtextextended(md5(i::text)::uuid::text, {seed})),
        {lock}(hashtext(md5(i::text)::uuid::text)::bigint + {seed}),
        {lock}({seed}, i),
        {lock}(10000 * {seed} + i)
    from generate_series(1, 300) as i;
    select {lock}({seed}, c.oid::integer) from pg_class as c
"""
#: Every relation that can be seen, in every mode; what is refused is refused.
LOCK_WHATEVER_IS_SEEN = """
    do $$
    declare
        r record;
        v_mode text;
    begin
        for r in
            select n.nspname, c.relname
            from pg_class as c
            inner join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'v', 'p')
        loop
            foreach v_mode in array
                array['access exclusive', 'exclusive', 'row exclusive', 'access share']
            loop
                begin
                    execute format('lock table %I.%I in %s mode', r.nspname, r.relname, v_mode);
                    exit;
                exception
                    when others then null;
                end;
            end loop;
        end loop;
    end
    $$
"""
#: Whoever prints a view's text keeps all tables of the view locked until the transaction ends.
PRINT_ALL_VIEWS = "select pg_get_viewdef(c.oid) from pg_class as c where c.relkind = 'v'"
CANCEL_EVERYBODY = """
    do $$
    declare
        v_pid integer;
    begin
        -- Sessions of the same role would be cancelled: these are the other attacks.
        for v_pid in
            select a.pid from pg_stat_activity as a where a.usename is distinct from current_user
        loop
            begin
                perform pg_cancel_backend(v_pid);
            exception
                when others then null;
            end;
            begin
                perform pg_terminate_backend(v_pid);
            exception
                when others then null;
            end;
        end loop;
    end
    $$
"""
#: More than the 64 that a session can announce: then every snapshot has to look them up on disk.
MANY_SUBTRANSACTIONS = """
    do $$
    begin
        create temporary table written (i integer);
        for i in 1..200 loop
            begin
                insert into written values (i);
            exception
                when others then null;
            end;
        end loop;
    end
    $$
"""
OUR_NAMES = (
    "create temporary table user_credits (user_id uuid, balance bigint)",
    "create temporary table credit_transactions (user_id uuid)",
    "create temporary table system_alerts (user_id uuid)",
    "create temporary table settings (notify_alerts boolean default false)",
    "create type pg_temp.alert_level as enum ('info')",
    "create type pg_temp.uuid as (a integer)",
    "create function pg_temp.clock() returns timestamptz return '-infinity'",
    "create function pg_temp.lower(text) returns text return 'x'",
    "create function pg_temp.pg_notify(text, text) returns void return null",
    "create function pg_temp.equal(uuid, uuid) returns boolean return true",
    "create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.equal)",
    "create schema credits_bench",
    "create function public.clock() returns timestamptz return 'infinity'",
    "set search_path = pg_temp, credits, credits_internal, public",
)
CALLS = (
    "select * from credits.grant_user_credits(md5('1')::uuid, 1000, 'promo')",
    "select * from credits.check_alerts()",
    "update credits.settings set notify_alerts = false",
    "truncate credits.system_alerts",
    "lock table credits.user_credits in access exclusive mode",
    "select pg_get_viewdef('credits_monitoring.system_health'::regclass)",
    "set role credits_owner",
    "grant credits_app to current_user",
    "alter system set max_connections = 1",
    "checkpoint",
    "vacuum (analyze)",
    "reindex schema credits",
    "select pg_switch_wal(), pg_stat_reset()",
    "select pg_logical_emit_message(true, 'bench', repeat('x', 10000))",
)
GID = "pgcredits_bench_hostile"


@dataclass(frozen=True)
class Attack:
    """What one hostile session does.

    Attributes:
        name: As the command line has it.
        first: Done once, each in a transaction of its own.
        begin: How a transaction begins that stays open until the end; None = there is none.
        held: Done once in that transaction.
        again: Done again and again, in that transaction if there is one.
        per_second: How often.
        last: Done at the end, to be gone without a trace.
    """

    name: str
    first: tuple[str, ...] = ()
    begin: str | None = None
    held: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    per_second: float = 1.0
    last: tuple[str, ...] = ()


ATTACKS = (
    Attack("session_locks", first=(KEYS.format(lock="pg_advisory_lock", seed=0),)),
    Attack(
        "transaction_locks",
        begin="begin",
        held=(KEYS.format(lock="pg_advisory_xact_lock", seed=1),),
    ),
    Attack("listener", first=("listen credits_alerts",), begin="begin", held=("select 1",)),
    Attack(
        "flood",
        again=(
            "select pg_notify('credits_alerts', json_build_object("
            "'v', 2, 'event', 'opened', 'alert_id', gen_random_uuid())::text)",
        ),
        per_second=500,
    ),
    Attack(
        "snapshot",
        begin="begin isolation level repeatable read",
        held=("select count(*) from pg_class",),
    ),
    Attack(
        "serializable",
        begin="begin isolation level serializable",
        held=("select count(*) from pg_class", "select pg_current_xact_id()"),
    ),
    Attack("subtransactions", begin="begin", held=(MANY_SUBTRANSACTIONS,)),
    Attack("names", first=OUR_NAMES, again=CALLS[:2], per_second=5),
    Attack(
        "temporary_tables",
        again=("create temporary table t (a text primary key)", "drop table t"),
        per_second=5,
    ),
    Attack(
        "table_locks",
        begin="begin",
        held=(LOCK_WHATEVER_IS_SEEN, PRINT_ALL_VIEWS),
    ),
    Attack("calls", again=CALLS),
    Attack("cancels", again=(CANCEL_EVERYBODY,)),
    Attack(
        "cursors",
        begin="begin",
        held=(
            "declare c cursor with hold for select * from pg_proc, pg_class limit 10000",
            "declare d scroll cursor for select * from pg_proc as p, pg_class as c",
            "fetch 1000 from d",
        ),
        again=("select pg_sleep(0.5)", "fetch 10 from d"),
    ),
    Attack(
        "large_objects",
        again=("select lo_from_bytea(0, convert_to(repeat('x', 8000), 'UTF8'))",),
        per_second=10,
    ),
    Attack(
        "prepared_transaction",
        first=(
            f"begin; select pg_advisory_xact_lock(-1), lo_create(0); prepare transaction '{GID}'",
        ),
        last=(f"rollback prepared '{GID}'",),
    ),
)


def filling(pages: int) -> Attack:
    """Fill the queue of NOTIFY, which somebody keeps from being emptied: one page a message."""
    return Attack(
        "filling",
        first=(
            "select pg_notify('anything', i || repeat('x', 7900))"
            f" from generate_series(1, {pages + 1}) as i",
        ),
    )


@dataclass
class Tried:
    """What became of the statements of one attack.

    Attributes:
        done: How many were carried out.
        refused: How many were not, by their SQLSTATE.
    """

    done: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Attacker:
    """One hostile session."""

    def __init__(self, dsn: str, attack: Attack) -> None:
        """Connect, and do what is done first."""
        self.attack = attack
        self.tried = Tried()
        self.conn: psycopg.Connection[Any] = psycopg.connect(dsn, autocommit=True)
        self._try(("set lock_timeout = '1s'", *attack.first))
        if attack.begin is not None:
            self.conn.execute(attack.begin.encode())
            self._try(attack.held)

    def go_on(self, stop: Event) -> None:
        """Do the rest again and again until the end."""
        while self.attack.again and not stop.wait(1 / self.attack.per_second):
            self._try(self.attack.again)

    def close(self) -> None:
        """Be gone."""
        self._try(self.attack.last)
        self.conn.close()

    def _try(self, statements: Sequence[str]) -> None:
        for statement in statements:
            is_inside = self.conn.info.transaction_status == TransactionStatus.INTRANS
            try:
                if is_inside:
                    with self.conn.transaction():
                        self.conn.execute(statement.encode())
                else:
                    self.conn.execute(statement.encode())
            except psycopg.Error as error:
                state = error.sqlstate or "none"
                self.tried.refused[state] = self.tried.refused.get(state, 0) + 1
                if self.conn.closed:
                    raise
                if not is_inside:
                    self.conn.rollback()
            else:
                self.tried.done += 1


@contextmanager
def attacking(dsn: str, attacks: Sequence[Attack]) -> Iterator[dict[str, Tried]]:
    """All attacks at once; each holds what it can when the block begins, and goes on until its end.

    Raises:
        psycopg.Error: A hostile session was lost: then nothing was measured.
    """
    stop = Event()
    failures: list[Exception] = []

    def go_on(attacker: Attacker) -> None:
        try:
            attacker.go_on(stop)
        except psycopg.Error as error:
            failures.append(error)

    with ExitStack() as stack:
        attackers = []
        for attack in attacks:
            attackers.append(Attacker(dsn, attack))
            stack.callback(attackers[-1].close)
        threads = [Thread(target=go_on, args=(a,)) for a in attackers if a.attack.again]
        for thread in threads:
            thread.start()
        try:
            yield {a.attack.name: a.tried for a in attackers}
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    if failures:
        raise failures[0]
