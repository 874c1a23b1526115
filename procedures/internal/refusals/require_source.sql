-- Refuse a source of credits that does not exist, or that only the ledger itself may write.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_source(
    p_source text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_source$
begin
    -- A refund names its charge, and a rollover its allowance: only the ledger writes these.
    if p_source = any(enum_range(null::credits.credit_source)::text[])
        and p_source not in ('refund', 'rollover')
    then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_source',
        p_source,
        case
            when p_source is null then 'is null'
            when p_source in ('refund', 'rollover') then 'is written by the ledger only'
            else 'is unknown'
        end,
        'Pass one of purchase, allowance, promo, referral, goodwill, import, adjustment; to give '
        'back a deduction call refund_user_credits.'
    );
end
$require_source$;

comment on function credits_internal.require_source is
'Refuse null, unknown sources, refund and rollover with PT422.';

revoke all on function credits_internal.require_source from public;
