"""Walk through every sequence of events, in the database and in the model, comparing each step.

Depth first, in one transaction for each first event: a savepoint is the way back, so that each
prefix is walked once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import tuple_row

from stress.lives.expected import Life, RefusedError
from stress.lives.steps import CHARGE, GRANTED, PERCENTS, PROVIDER, Step
from support.api import call, new_user

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stress.lives.table import Table

# Everything that is kept about one generation, in one row.
OBSERVE = """
    create function public.observe(p_user_id uuid, p_generation_id uuid) returns table (
        status text, due bigint, payments bigint[], task text, tasks text[], waiting text[],
        error_type text, cost_usd numeric, billed boolean, owed timestamptz, events bigint,
        last_event text, last_before text, last_applied boolean, last_callback boolean,
        alerts text[], balance bigint, repeated integer
    ) language plpgsql stable as $$
    begin
        return query
        select
            g.status::text,
            g.refund_due_credits,
            array(
                select t.credits from credits.credit_transactions as t
                where t.user_id = g.user_id and t.refund_of = g.charge_transaction_id
                order by t.seq
            ),
            g.provider_task_id,
            array(
                select k.provider_task_id from credits.provider_tasks as k
                where k.user_id = g.user_id and k.generation_id = g.generation_id
                order by k.provider_task_id
            ),
            array(
                select c.provider_task_id from credits.provider_callbacks as c
                order by c.callback_id
            ),
            g.error_type,
            g.cost_usd,
            g.provider_billed,
            g.refund_owed_since,
            (
                select count(*) from credits.generation_events as e
                where e.user_id = g.user_id and e.generation_id = g.generation_id
            ),
            l.event::text,
            l.status_before::text,
            l.applied,
            l.is_callback,
            array(
                select a.type from credits.system_alerts as a
                where a.user_id = g.user_id and a.resolved_at is null
                order by a.type
            ),
            u.balance,
            g.repeated_reports
        from credits.generations as g
        inner join credits.user_credits as u on u.user_id = g.user_id
        left join credits.generation_events as l
            on
                l.user_id = g.user_id
                and l.generation_id = g.generation_id
                and l.event_no = g.last_event_no
        where g.user_id = p_user_id and g.generation_id = p_generation_id;
    end
    $$
"""


def expected(life: Life) -> tuple[Any, ...]:
    """The row of observe() that the model predicts."""
    return (
        life.status,
        life.due,
        list(life.payments),
        life.task,
        sorted(life.tasks),
        [task for task, _ in life.waiting],
        life.error_type,
        life.cost,
        life.billed,
        None,
        life.events,
        *life.last_event,
        sorted(life.alerts),
        life.granted - life.charge + life.refunded,
        life.repeated,
    )


@dataclass
class Walk:
    """All sequences of some events up to some length."""

    conn: psycopg.Connection[Any]
    table: Table
    steps: Sequence[Step]
    length: int
    percents: Mapping[str, int] = field(default_factory=lambda: PERCENTS)
    # Up to this length, the ledger must prove itself after each step.
    verified_length: int = 0
    sequences: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start the generation whose lives these are."""
        for error_type, percent in self.percents.items():
            self.conn.execute(
                "update credits.refund_policies set refund_percent = %s where error_type = %s",
                (percent, error_type),
            )
        self.conn.execute(OBSERVE)
        user = new_user()
        call(self.conn, "grant_user_credits", user, GRANTED)
        started = call(
            self.conn,
            "start_generation",
            user,
            PROVIDER,
            "image",
            CHARGE,
            p_timeout="1 microsecond",
        )
        charge = self.conn.execute(
            "select g.charge_transaction_id from credits.generations as g"
        ).fetchone()
        assert charge is not None
        names = {
            "user": f"'{user}'",
            "generation": f"'{started.generation_id}'",
            "charge": f"'{charge[0]}'",
        }
        observe = Template("select * from public.observe($user, $generation)").substitute(names)
        verify = Template("; select count(*) from credits.verify_ledger($user)").substitute(names)
        # Prepared, since each is made ten thousand times; psycopg's own would be dropped, and these
        # with them, by each rollback.
        self.conn.prepare_threshold = None
        self.conn.execute(f"prepare observe as {observe}".encode())
        self._observe = [
            "execute observe" + (verify if length <= self.verified_length else "")
            for length in range(self.length + 1)
        ]
        self._statements = {}
        for i, step in enumerate(self.steps):
            statement = Template(step.statement).substitute(names)
            self.conn.execute(f"prepare step_{i} as {statement}".encode())
            self._statements[step.name] = f"execute step_{i}"
        self._cursor = self.conn.cursor(row_factory=tuple_row)

    def run(self, first: Sequence[Step] | None = None) -> None:
        """Walk, and leave everything as it was.

        Args:
            first: The events that sequences begin with, if not all.
        """
        life = Life(self.table, self.percents, granted=GRANTED, charge=CHARGE)
        for step in first or self.steps:
            self._cursor.execute("begin; savepoint s1")
            self._take(step, life, ())
            self._cursor.execute("rollback")

    def _take(self, step: Step, before: Life, path: tuple[str, ...]) -> None:
        """Take one step, compare, and go on from there."""
        path = (*path, step.name)
        length = len(path)
        life = before.copy()
        self.sequences += 1
        self.seen.add((before.status, step.name))
        predicted: Any
        try:
            predicted = step.tell(life)
        except RefusedError as refusal:
            predicted = refusal.refusal
            life = before.copy()

        back = f"rollback to s{length}; "
        try:
            self._cursor.execute(
                f"{back}{self._statements[step.name]}; {self._observe[length]}".encode()
            )
            self._cursor.nextset()
            found: Any = self._cursor.fetchall()
            if step.name != "sweep":
                found = found[0] if found else None
            self._cursor.nextset()
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("PT"):
                error.add_note(f"after {path}")
                raise
            found = (error.sqlstate, json.loads(error.diag.message_detail or "{}").get("code"))
            self._cursor.execute(f"{back}{self._observe[length]}".encode())
            self._cursor.nextset()
        if predicted is None:
            found = None
        assert found == predicted, f"{path}: answered {found}, expected {predicted}"

        state = self._cursor.fetchone()
        wanted = expected(life)
        assert state == wanted, f"{path}: left {state}, expected {wanted}"
        if length <= self.verified_length:
            self._cursor.nextset()
            assert self._cursor.fetchone() == (0,), f"{path}: the ledger does not prove itself"

        if length < self.length:
            self._cursor.execute(f"savepoint s{length + 1}".encode())
            for next_step in self.steps:
                self._take(next_step, life, path)
