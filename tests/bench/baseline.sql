-- The least that any correct ledger does: one guarded update and one insert in one function.
-- No keys, no lots, no chain, no checks of arguments, no rights.

create schema baseline;

create table baseline.balances (
    user_id uuid primary key,
    balance bigint not null check (balance >= 0)
) with (fillfactor = 50);

create table baseline.ledger (
    user_id uuid not null,
    entry_id bigint generated always as identity primary key,
    credits bigint not null,
    balance_after bigint not null,
    created_at timestamptz not null default clock_timestamp()
);

create function baseline.deduct(p_user_id uuid, p_credits bigint)
returns bigint
language plpgsql
as $deduct$
declare
    v_balance bigint;
begin
    update baseline.balances as b
    set balance = b.balance - p_credits
    where
        b.user_id = p_user_id
        and b.balance >= p_credits
    returning b.balance
    into v_balance;

    if not found then
        raise exception 'insufficient credits';
    end if;

    insert into baseline.ledger (user_id, credits, balance_after)
    values (p_user_id, -p_credits, v_balance);

    return v_balance;
end
$deduct$;
