-- Grant what an application added to a balance without saying why, and tell the operators.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.grant_legacy_rise(
    p_user_id uuid,
    p_credits bigint,
    p_expires_at timestamptz,
    p_priority integer,
    p_unit_price_usd numeric,
    p_written_as text,
    p_idempotency_key text,
    p_metadata jsonb
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $grant_legacy_rise$
begin
    perform credits.grant_user_credits(
        p_user_id => p_user_id,
        p_credits => p_credits,
        p_source => 'adjustment',
        p_expires_at => p_expires_at,
        p_priority => p_priority,
        p_unit_price_usd => p_unit_price_usd,
        p_reason => left('written to ' || p_written_as, 1000),
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata
    );
    perform credits_internal.open_alert(
        p_user_id => p_user_id,
        p_type => 'legacy_rise',
        p_level => 'warning',
        p_dedup_key => left(p_written_as, 200),
        p_message => format(
            '%s (role %s) raised %s by %s credits, and named no charge and no payment',
            p_metadata #>> '{legacy_write,application}',
            p_metadata #>> '{legacy_write,role}',
            p_written_as,
            p_credits
        ),
        p_metadata => p_metadata || jsonb_build_object('credits', p_credits)
    );
end
$grant_legacy_rise$;

comment on function credits_internal.grant_legacy_rise is
'Grant credits of source adjustment, and open an alert legacy_rise that names who wrote them.';

revoke all on function credits_internal.grant_legacy_rise from public;
