-- What a refund needs to know so that a failure costs nobody their rollover, and refunded credits
-- that live for 24 hours at least.

-- A month rolls over by the plan that was held at its end, also what comes back later.
alter table credits.user_credits
add column earlier_plan_until timestamptz,
add column earlier_plan text;

comment on column credits.user_credits.earlier_plan_until is
'When the plan was changed, for the first time in the month of its latest change; null = never, '
'as far as is known.';
comment on column credits.user_credits.earlier_plan is
'The plan that the user was on until earlier_plan_until: what is refunded of a month that had '
'ended by then rolls over by this one; null = none.';

comment on column credits.credit_lots.grant_transaction_id is
'The ledger row that made the lot: a grant or a refund.';
comment on column credits.credit_lots.origin_lot_id is
'For a refund lot the lot that its credits were first taken from; for a rollover lot the allowance '
'that it continues, whether the unused credits expired or were refunded later.';
comment on column credits.credit_lots.renewable_until is
'Of a lot that a refund made: the latest expiry of credits that are taken from it and refunded '
'again, so that charging and refunding in turn does not keep credits alive for ever.';

do $clamp$
declare
    v_grace interval;
begin
    update credits.settings as s
    set refund_grace = interval '24 hours'
    from credits.settings as b
    where
        s.one_row = b.one_row
        and s.refund_grace < interval '24 hours'
    returning b.refund_grace into v_grace;

    if found then
        raise warning
            'credits.settings.refund_grace, which was %, is % now: the nearest that is allowed',
            v_grace,
            interval '24 hours';
    end if;
end
$clamp$;

alter table credits.settings
drop constraint settings_refund_grace_an_hour_or_more,
add constraint settings_refund_grace_a_day_or_more check (refund_grace >= interval '24 hours');

comment on column credits.settings.refund_grace is
'The longest life of refunded credits whose own lot has expired meanwhile; 24 hours or more.';
