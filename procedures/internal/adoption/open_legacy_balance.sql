-- Grant the opening balance that an application wrote for a new user.
--
-- Once: a user who has been given credits before, here or by the older system, keeps what there is.
-- The caller holds the user's lock.
--
-- Errors: PT422 invalid_argument where it is less than 0, or too high.

create or replace function credits_internal.open_legacy_balance(
    p_user credits.user_credits,
    p_written_as text,
    p_buckets credits_internal.legacy_bucket[],
    p_max_rise bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_legacy_balance$
declare
    v_metadata constant jsonb := credits_internal.legacy_write_metadata(p_written_as);
    v_move record;
    v_rise bigint := 0;
begin
    if p_user.last_seq > 0 then
        return;
    end if;

    for v_move in
        select m.*
        from credits_internal.legacy_moves(p_buckets) as m
        where m.credits <> 0
        order by m.place
    loop
        perform credits_internal.require_credits(v_move.credits);
        v_rise := v_rise + v_move.credits;
        perform credits_internal.require_legacy_rise(v_rise, p_max_rise);
        perform credits.grant_user_credits(
            p_user_id => p_user.user_id,
            p_credits => v_move.credits,
            p_source => 'promo',
            p_expires_at => v_move.expires_at,
            p_priority => v_move.priority,
            p_unit_price_usd => v_move.unit_price_usd,
            p_reason => left('opening balance in ' || p_written_as, 1000),
            p_idempotency_key => format(
                'legacy-opening:%s:%s', md5(p_written_as), v_move.place
            ),
            p_metadata => v_metadata
        );
    end loop;
end
$open_legacy_balance$;

comment on function credits_internal.open_legacy_balance is
'Grant a locked user who has no ledger yet what was written as the opening balance, p_max_rise '
'credits at most.';

revoke all on function credits_internal.open_legacy_balance from public;
