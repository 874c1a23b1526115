-- Refuse a balance that an application raised by more than the plan of its adoption allows.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_legacy_rise(
    p_rise bigint,
    p_max_rise bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_legacy_rise$
begin
    if p_rise > p_max_rise then
        perform credits_internal.refuse_argument(
            'balance',
            p_rise::text,
            format(
                'rises by %s credits, which names no charge and no payment; up to %s are allowed',
                p_rise,
                p_max_rise
            ),
            'Call credits.grant_user_credits with the payment''s id as key, or raise '
            'compat_max_rise in the plan and run pgcredits adopt compat again.'
        );
    end if;
end
$require_legacy_rise$;

comment on function credits_internal.require_legacy_rise is
'Refuse with PT422 a rise of more credits than may come without a payment.';

revoke all on function credits_internal.require_legacy_rise from public;
