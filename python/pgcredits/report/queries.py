"""The report's queries. They read only views of credits_monitoring."""

from __future__ import annotations

from dataclasses import dataclass

from pgcredits.report.model import Column, Kind

DAYS = """
select min(d.day) as first, max(d.day) as today, now() as made_at
from credits_monitoring.business_days as d
"""
HEALTH = "select * from credits_monitoring.system_health"


@dataclass(frozen=True)
class Query:
    """A table of the report; the last column of its SQL counts the rows without a limit.

    A table that may be long is cut to 20 rows, and the report says how many there are.
    """

    key: str
    title: str
    note: str
    nothing: str
    columns: tuple[Column, ...]
    sql: str


def _columns(**columns: tuple[str, Kind]) -> tuple[Column, ...]:
    return tuple(Column(name, label, kind) for name, (label, kind) in columns.items())


QUERIES = (
    Query(
        "users_needing_refunds",
        "Users needing refunds",
        "Refunds that are due and could not be paid. Oldest first.",
        "Nobody waits for a refund.",
        _columns(
            finished_at=("finished", Kind.MOMENT),
            user_id=("user", Kind.ID),
            generation_id=("generation", Kind.ID),
            provider=("provider", Kind.TEXT),
            error_type=("error", Kind.TEXT),
            credits_owed=("owed", Kind.COUNT),
            last_error=("why not paid", Kind.TEXT),
            external_user_id=("external id", Kind.TEXT),
        ),
        """
select u.finished_at, u.user_id, u.generation_id, u.provider, u.error_type, u.credits_owed,
    u.last_error, u.external_user_id, count(*) over ()
from credits_monitoring.users_needing_refunds as u
order by u.finished_at, u.generation_id limit 20
""",
    ),
    Query(
        "open_alerts",
        "Open alerts",
        "The most urgent first.",
        "No alert is open.",
        _columns(
            last_seen_at=("last seen", Kind.MOMENT),
            level=("level", Kind.TEXT),
            type=("type", Kind.TEXT),
            provider=("provider", Kind.TEXT),
            occurrences=("times", Kind.COUNT),
            message=("message", Kind.TEXT),
        ),
        """
select a.last_seen_at, a.level, a.type, a.provider, a.occurrences, a.message, count(*) over ()
from credits_monitoring.open_alerts as a
order by array_position(array['critical', 'error', 'warning', 'info'], a.level::text),
    a.last_seen_at desc, a.alert_id
limit 20
""",
    ),
    Query(
        "usage",
        "Usage and outcome by day",
        "Generations started on each day, by what has become of them.",
        "No generation was started in this time.",
        _columns(
            day=("day", Kind.DAY),
            started=("started", Kind.COUNT),
            succeeded=("succeeded", Kind.COUNT),
            failed=("failed", Kind.COUNT),
            timed_out=("timed out", Kind.COUNT),
            cancelled=("cancelled", Kind.COUNT),
            in_flight=("in flight", Kind.COUNT),
            credits_charged=("charged", Kind.COUNT),
            credits_refunded=("refunded", Kind.COUNT),
        ),
        """
select u.day, sum(u.started)::bigint, sum(u.succeeded)::bigint, sum(u.failed)::bigint,
    sum(u.timed_out)::bigint, sum(u.cancelled)::bigint, sum(u.in_flight)::bigint,
    sum(u.credits_charged)::bigint, sum(u.credits_refunded)::bigint, count(*) over ()
from credits_monitoring.usage_daily as u where u.day >= %(since)s
group by u.day order by u.day
""",
    ),
    Query(
        "costs",
        "Cost by provider",
        "What providers bill in US dollars, by day of finish; as quoted where they have not said.",
        "Nothing was billed in this time.",
        _columns(
            day=("day", Kind.DAY),
            provider=("provider", Kind.TEXT),
            billed_generations=("billed", Kind.COUNT),
            cost_usd=("cost USD", Kind.USD),
            avg_cost_usd=("average USD", Kind.USD),
            unknown_billing=("unknown", Kind.COUNT),
        ),
        """
select c.day, c.provider, c.billed_generations, c.cost_usd, c.avg_cost_usd, c.unknown_billing,
    count(*) over ()
from credits_monitoring.provider_costs_daily as c where c.day >= %(since)s
order by c.day, c.provider
""",
    ),
    Query(
        "refund_rate",
        "Refund rate and its target",
        "The share of finished generations that were refunded, by day of finish.",
        "Nothing finished in this time.",
        _columns(
            day=("day", Kind.DAY),
            finished=("finished", Kind.COUNT),
            refunded=("refunded", Kind.COUNT),
            refund_rate_pct=("rate %", Kind.PCT),
            target_pct=("target %", Kind.PCT),
            within_target=("within", Kind.FLAG),
        ),
        """
select r.day, sum(r.finished)::bigint, sum(r.refunded)::bigint,
    round(100.0 * sum(r.refunded) / sum(r.finished), 2), max(r.target_pct),
    100.0 * sum(r.refunded) / sum(r.finished) <= max(r.target_pct), count(*) over ()
from credits_monitoring.refund_rate_daily as r where r.day >= %(since)s
group by r.day order by r.day
""",
    ),
    Query(
        "refunds",
        "Refunds by reason",
        "Refunds made in this time.",
        "Nothing was given back in this time.",
        _columns(
            error_type=("reason", Kind.TEXT),
            refunds=("refunds", Kind.COUNT),
            credits_refunded=("credits", Kind.COUNT),
            absorbed_cost_usd=("absorbed USD", Kind.USD),
        ),
        """
select r.error_type, sum(r.refunds)::bigint, sum(r.credits_refunded)::bigint,
    sum(r.absorbed_cost_usd), count(*) over ()
from credits_monitoring.refunds_by_reason_daily as r where r.day >= %(since)s
group by r.error_type order by 2 desc, 1
""",
    ),
    Query(
        "reliability",
        "Provider reliability",
        "The last hour, day, week and 30 days, whatever the report's first day.",
        "No provider has finished anything.",
        _columns(
            provider=("provider", Kind.TEXT),
            time_window=("last", Kind.TEXT),
            finished=("finished", Kind.COUNT),
            success_rate_pct=("success %", Kind.PCT),
            provider_fault_rate_pct=("at fault %", Kind.PCT),
            p50_duration_seconds=("p50 s", Kind.SECONDS),
            p95_duration_seconds=("p95 s", Kind.SECONDS),
            consecutive_failures=("in a row", Kind.COUNT),
            top_error_type=("top error", Kind.TEXT),
        ),
        """
select p.provider, p.time_window, p.finished, p.success_rate_pct, p.provider_fault_rate_pct,
    p.p50_duration_seconds, p.p95_duration_seconds, p.consecutive_failures, p.top_error_type,
    count(*) over ()
from credits_monitoring.provider_reliability as p
order by p.provider, array_position(array['1h', '24h', '7d', '30d'], p.time_window::text)
""",
    ),
    Query(
        "absorbed",
        "Absorbed cost",
        "US dollars that providers billed for refunded work; perhaps = nobody knows if they bill.",
        "No cost was absorbed in this time.",
        _columns(
            day=("day", Kind.DAY),
            provider=("provider", Kind.TEXT),
            generations=("generations", Kind.COUNT),
            cost_usd=("cost USD", Kind.USD),
            unknown_billing_cost_usd=("perhaps USD", Kind.USD),
        ),
        """
select a.day, a.provider, a.generations, a.cost_usd, a.unknown_billing_cost_usd, count(*) over ()
from credits_monitoring.absorbed_costs_daily as a where a.day >= %(since)s
order by a.day, a.provider
""",
    ),
    Query(
        "balances",
        "Balances by plan",
        "What users could spend now.",
        "Nobody has had credits yet.",
        _columns(
            plan=("plan", Kind.TEXT),
            users=("users", Kind.COUNT),
            users_with_credits=("with credits", Kind.COUNT),
            outstanding_credits=("credits", Kind.COUNT),
        ),
        """
select b.plan, b.users, b.users_with_credits, b.outstanding_credits, count(*) over ()
from credits_monitoring.balances_by_plan as b order by b.plan
""",
    ),
    Query(
        "liability",
        "Where these credits came from",
        "Credits that were sold and not used yet are still owed to users.",
        "No credits are outstanding.",
        _columns(
            source=("source", Kind.TEXT),
            expires_month=("expires in", Kind.MONTH),
            lots=("lots", Kind.COUNT),
            outstanding_credits=("credits", Kind.COUNT),
            sold_for_usd=("sold for USD", Kind.USD),
        ),
        """
select c.source, m.expires_month, sum(c.lots)::bigint, sum(c.outstanding_credits)::bigint,
    sum(c.sold_for_usd), count(*) over ()
from credits_monitoring.credit_liability as c
-- Some write "never" as a date at the end of time, which Python cannot hold after the year 9999.
cross join lateral (
    select case when c.expires_month < date '9999-01-01' then c.expires_month end as expires_month
) as m
group by c.source, m.expires_month
order by c.source, m.expires_month nulls last
""",
    ),
    Query(
        "failures",
        "Recent failures",
        "The latest first. Messages are the providers' own words.",
        "Nothing failed in this time.",
        _columns(
            finished_at=("finished", Kind.MOMENT),
            provider=("provider", Kind.TEXT),
            error_type=("error", Kind.TEXT),
            error_code=("code", Kind.TEXT),
            credits_refunded=("given back", Kind.COUNT),
            error_message=("message", Kind.TEXT),
        ),
        """
select f.finished_at, f.provider, f.error_type, f.error_code, f.credits_refunded, f.error_message,
    null::bigint
from credits_monitoring.recent_failures as f
where f.finished_at >= (
    select d.starts_at from credits_monitoring.business_days as d where d.day = %(since)s
)
order by f.finished_at desc limit 20
""",
    ),
)
