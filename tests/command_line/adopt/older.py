"""Small older systems for trying readings: their tables, and what a plan makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan

Conn = psycopg.Connection[Any]


def balances(conn: Conn) -> list[int]:
    """What users who have credits have, the least first."""
    found = conn.execute(
        "select balance from credits.user_credits where balance <> 0 order by balance"
    )
    return [row.balance for row in found]


def planned(conn: Conn, folder: Path) -> Plan:
    """The plan that is written for what is there, read again without an edit."""
    file = folder / "plan.toml"
    file.write_text(draft(inspect(conn, ["public"]).discovery))
    return read_plan(file)


def closed(plan: Plan) -> Plan:
    """The same plan, which closes tables of tasks, too."""
    return replace(plan, tasks=tuple(replace(one, close="table") for one in plan.tasks))


TOTAL_WITH_PART = """
create table user_credits (
    user_id uuid primary key, current_balance integer, purchased_credits_balance integer default 0,
    last_reset_at timestamptz default now()
);
insert into user_credits (user_id, current_balance) values
('00000000-0000-0000-0000-000000000001', 5), ('00000000-0000-0000-0000-000000000002', 50);
"""
ADDS_TO_BOTH = """
create function add_purchased(p_user_id uuid, p_credits integer) returns void language sql as $$
    update user_credits set current_balance = current_balance + p_credits,
        purchased_credits_balance = purchased_credits_balance + p_credits
    where user_id = p_user_id
$$;
select add_purchased('00000000-0000-0000-0000-000000000001', 100);
"""


MONTHLY_IS_A_BALANCE = """
create table user_credits (
    user_id uuid primary key, plan text default 'free', monthly_credits integer not null,
    bonus_credits integer not null
);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, amount integer not null,
    reason text not null, generation_id uuid, created_at timestamptz default now()
);
insert into user_credits values ('00000000-0000-0000-0000-000000000001', 'free', 3, 20);
insert into credit_transactions (user_id, amount, reason) values
('00000000-0000-0000-0000-000000000001', 5, 'signup_bonus'),
('00000000-0000-0000-0000-000000000001', 20, 'pack_purchase'),
('00000000-0000-0000-0000-000000000001', -2, 'generation');
"""


LOG = """
create table user_credits (
    user_id uuid primary key, balance int not null, {more}
);
create table credit_transactions (
    id bigint generated always as identity primary key, user_id uuid not null, type text not null,
    amount int not null, status text, deleted_at timestamptz,
    created_at timestamptz not null default now()
);
"""


def add(conn: Conn, table: str, rows_of: str) -> None:
    """Rows whose users are numbers."""
    conn.execute(
        "create or replace function u(n int) returns uuid language sql as"
        " $$ select lpad(to_hex(n), 32, '0')::uuid $$"
    )
    conn.execute(f"insert into {table} {rows_of}".encode())


COLUMNS = """
create table wallets (
    user_id uuid primary key, balance int not null, bonus_credits int not null
);
insert into wallets values ('00000000-0000-0000-0000-000000000001', 30, 20);
"""


def refused_by(conn: Conn, plan: Plan, nobody: Nobody) -> str:
    """What a run says that refuses a plan, and that it moved nothing."""
    with pytest.raises(PlanError) as error:
        run(conn, plan, nobody)
    assert balances(conn) == []
    assert conn.execute("select from credits.imported_tables").fetchall() == []
    return f"{error.value} {error.value.hint}"
