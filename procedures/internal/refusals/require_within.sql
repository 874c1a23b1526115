-- Refuse to give or take back more than is left of a transaction.
--
-- Errors: PT409 over_refund.

create or replace function credits_internal.require_within(
    p_charged bigint,
    p_refunded bigint,
    p_requested bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_within$
begin
    if p_refunded + p_requested <= p_charged then
        return;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT409',
        p_code => 'over_refund',
        p_message => format(
            '%s credits were asked for, but only %s of %s are left',
            p_requested,
            p_charged - p_refunded,
            p_charged
        ),
        p_hint => 'Pass null for all that is left.',
        p_figures => jsonb_build_object(
            'charged', p_charged,
            'refunded', p_refunded,
            'requested', p_requested
        )
    );
end
$require_within$;

comment on function credits_internal.require_within is
'Refuse with PT409 over_refund where refunded + requested exceeds charged.';

revoke all on function credits_internal.require_within from public;
