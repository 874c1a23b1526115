-- A listed refund's turn in retry_failed_refunds and settle_owed_refunds: pay it.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.pay_listed(
    p_generation credits.generations
)
returns credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_listed$
begin
    if p_generation.refund_owed_since is null then
        return null;
    end if;

    return credits_internal.pay_or_owe(p_generation);
end
$pay_listed$;

comment on function credits_internal.pay_listed is
'Pay what a locked generation on the list of owed refunds still owes; null where it has been paid '
'by now.';

revoke all on function credits_internal.pay_listed from public;
