-- Grant one locked user what the plan brings this month and was not granted yet.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.grant_allowance(
    p_user credits.user_credits,
    p_now timestamptz
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $grant_allowance$
declare
    v_month constant date := credits_internal.month_of(p_now);
    v_monthly constant bigint := (
        select p.monthly_credits
        from credits.plans as p
        where p.plan = p_user.plan
    );
    v_due constant bigint := v_monthly - case
        when p_user.allowance_month = v_month then p_user.allowance_credits else 0
    end;
    v_month_end timestamptz;
    v_user credits.user_credits;
    v_at timestamptz;
begin
    -- Nothing is due before the month has begun in the business time zone of today, or where the
    -- plan has been made smaller.
    if p_user.allowance_month > v_month or v_due <= 0 then
        update credits.user_credits as u
        set
            next_allowance_at = s.next_allowance_at,
            next_due_at = credits_internal.next_due_at(u.user_id, s.next_allowance_at)
        from (
            select
                credits_internal.next_allowance_at(
                    p_user.plan, p_user.allowance_month, p_user.allowance_credits, p_now
                ) as next_allowance_at
        ) as s
        where u.user_id = p_user.user_id
        returning u.* into strict v_user;

        return v_user;
    end if;

    v_month_end := credits_internal.month_end(p_now);

    -- The grant's own row brings next_due_at up to this.
    update credits.user_credits as u
    set
        allowance_month = v_month,
        allowance_credits = v_monthly,
        next_allowance_at = v_month_end,
        updated_at = p_now
    where u.user_id = p_user.user_id
    returning u.* into strict v_user;

    v_user := credits_internal.expire_due_lots(
        p_user => v_user,
        p_now => p_now,
        p_more_follows => true
    );
    v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);

    return credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => credits_internal.uuid_v7(v_at),
        p_at => v_at,
        p_credits => v_due,
        p_source => 'allowance',
        p_expires_at => v_month_end,
        p_priority => 100,
        p_unit_price_usd => null,
        p_reason => format(
            'allowance of plan %s for %s', p_user.plan, to_char(v_month, 'YYYY-MM')
        ),
        -- The key is unique: a second defence against granting a month twice.
        p_idempotency_key => format(
            'pgcredits:allowance:%s:%s', to_char(v_month, 'YYYY-MM'), v_monthly
        )
    );
end
$grant_allowance$;

comment on function credits_internal.grant_allowance is
'Grant a locked user, whose next_allowance_at has come, the plan''s monthly_credits less what was '
'granted for this month, note when the next allowance comes, and return the user''s row as it is '
'then. Due expiries are written first.';

revoke all on function credits_internal.grant_allowance from public;
