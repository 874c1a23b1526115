-- What is still owed to users as credits, by where it came from and when it expires.

create or replace view credits_monitoring.credit_liability as
with spendable as (
    select
        l.source,
        l.remaining,
        l.unit_price_usd,
        -- The last times that PostgreSQL knows do not exist in every time zone, and other programs
        -- know none after the year 9999.
        case
            when l.expires_at >= timestamptz '9999-12-31 00:00+00' then date '9999-12-01'
            else date_trunc('month', l.expires_at at time zone s.business_time_zone)::date
        end as expires_month
    from credits.credit_lots as l
    cross join credits.settings as s
    where
        not l.depleted
        and (l.expires_at is null or l.expires_at > now())
)

select
    c.source::text as source,
    c.expires_month,
    count(*) as lots,
    sum(c.remaining)::bigint as outstanding_credits,
    sum(c.remaining * c.unit_price_usd) as sold_for_usd
from spendable as c
group by
    c.source,
    c.expires_month;

comment on view credits_monitoring.credit_liability is
'One row per source and month of expiry: the credits that users can still spend.';
comment on column credits_monitoring.credit_liability.source is 'Where the credits came from.';
comment on column credits_monitoring.credit_liability.expires_month is
'First day of the month, in the business time zone, in which they expire, 9999-12-01 at the '
'latest; null = never.';
comment on column credits_monitoring.credit_liability.lots is 'Lots that hold them.';
comment on column credits_monitoring.credit_liability.outstanding_credits is
'Credits left in these lots.';
comment on column credits_monitoring.credit_liability.sold_for_usd is
'US dollars that these credits were sold for, as far as lots carry a price; null = none does.';

revoke all on credits_monitoring.credit_liability from public;
grant select on credits_monitoring.credit_liability to credits_analyst;
