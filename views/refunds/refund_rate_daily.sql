-- Which share of what finished on each day was given back, against the target.

create or replace view credits_monitoring.refund_rate_daily as
with rates as (
    select
        g.day,
        g.provider,
        count(*) as finished,
        count(*) filter (where g.is_refunded) as refunded,
        100.0 * count(*) filter (where g.is_refunded) / count(*) as rate_pct
    from credits_monitoring.finished_by_day as g
    where g.is_finished
    group by
        g.day,
        g.provider
)

select
    r.day,
    r.provider,
    r.finished,
    r.refunded,
    round(r.rate_pct, 2) as refund_rate_pct,
    s.refund_rate_target_pct as target_pct,
    r.rate_pct <= s.refund_rate_target_pct as within_target
from rates as r
cross join credits.settings as s;

comment on view credits_monitoring.refund_rate_daily is
'One row per day of finish and provider with anything finished: succeeded, failed or timed out. '
'Days are those of the business time zone.';
comment on column credits_monitoring.refund_rate_daily.day is 'Day of the finish.';
comment on column credits_monitoring.refund_rate_daily.provider is 'Who did the work.';
comment on column credits_monitoring.refund_rate_daily.finished is
'Generations that succeeded, failed or timed out.';
comment on column credits_monitoring.refund_rate_daily.refunded is
'Of these, those that did not succeed and of which credits came back, whenever that was.';
comment on column credits_monitoring.refund_rate_daily.refund_rate_pct is
'refunded in percent of finished.';
comment on column credits_monitoring.refund_rate_daily.target_pct is
'Percent that is still acceptable: settings.refund_rate_target_pct.';
comment on column credits_monitoring.refund_rate_daily.within_target is
'Whether refund_rate_pct is at most target_pct.';

revoke all on credits_monitoring.refund_rate_daily from public;
grant select on credits_monitoring.refund_rate_daily to credits_analyst;
