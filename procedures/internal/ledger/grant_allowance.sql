-- Grant one locked user what the plan brings this month and was not granted yet.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.grant_allowance(
    p_user credits.user_credits,
    p_now timestamptz,
    p_month date,
    p_month_end timestamptz
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $grant_allowance$
declare
    v_granted constant bigint := case
        when p_user.allowance_month = p_month then p_user.allowance_credits else 0
    end;
    v_monthly bigint;
    v_user credits.user_credits;
    v_at timestamptz;
begin
    select p.monthly_credits
    into v_monthly
    from credits.plans as p
    where p.plan = p_user.plan;

    -- allowance_month may be later than this month after a change of the business time zone.
    if not found or p_user.allowance_month > p_month or v_monthly <= v_granted then
        return null;
    end if;

    v_user := credits_internal.expire_due_lots(p_user => p_user, p_now => p_now);
    v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);

    perform credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => credits_internal.uuid_v7(v_at),
        p_at => v_at,
        p_credits => v_monthly - v_granted,
        p_source => 'allowance',
        p_expires_at => p_month_end,
        p_priority => 100,
        p_unit_price_usd => null,
        p_reason => format('allowance of plan %s for %s', p_user.plan, to_char(p_month, 'YYYY-MM')),
        -- The key is unique: a second defence against granting a month twice.
        p_idempotency_key => format(
            'pgcredits:allowance:%s:%s', to_char(p_month, 'YYYY-MM'), v_monthly
        )
    );

    update credits.user_credits as u
    set
        allowance_month = p_month,
        allowance_credits = v_monthly,
        updated_at = v_at
    where u.user_id = p_user.user_id;

    return v_monthly - v_granted;
end
$grant_allowance$;

comment on function credits_internal.grant_allowance is
'Grant the plan''s monthly_credits less what was granted for this month, and return how much; null '
'where nothing is due.';

revoke all on function credits_internal.grant_allowance from public;
