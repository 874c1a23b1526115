-- Every generation was charged once, is settled when it has finished, and what it owes is listed.

create or replace function credits_internal.verify_generations(
    p_from uuid,
    p_to uuid,
    p_piece credits_internal.proof_piece default null
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- After a user of many rows a session would keep one plan for all users, made for many rows.
set plan_cache_mode = force_custom_plan
as $verify_generations$
begin
    return query
    with generations as (
        select g.*
        from credits.generations as g
        where
            g.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or g.generation_id = any (p_piece.generations)
            )
    ),
    paid as (
        select
            t.user_id,
            t.generation_id,
            t.transaction_id,
            t.seq,
            t.credits
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'deduction'
            and t.generation_id is not null
            and (
                p_piece.after_id is null
                or (
                    t.transaction_id = any (p_piece.charges)
                    and t.generation_id = any (p_piece.generations)
                )
            )
        union all
        -- Of a task that an older application writes, the deduction names no generation.
        select
            m.user_id,
            m.generation_id,
            t.transaction_id,
            t.seq,
            t.credits
        from credits.mirrored_tasks as m
        inner join credits.credit_transactions as t
            on
                m.user_id = t.user_id
                and m.charge_transaction_id = t.transaction_id
        where
            m.user_id between p_from and p_to
            and t.transaction_type = 'deduction'
            and t.generation_id is null
            and (
                p_piece.after_id is null
                or m.generation_id = any (p_piece.generations)
            )
    ),
    charges as (
        select
            d.user_id,
            d.generation_id,
            count(*) as charges,
            sum(d.credits) as credits,
            (array_agg(d.transaction_id order by d.seq))[1] as transaction_id
        from paid as d
        group by d.user_id, d.generation_id
    ),
    events as (
        select
            e.user_id,
            e.generation_id,
            count(*) as events,
            max(e.event_no) as last_event_no,
            (
                array_agg(e.event order by e.event_no)
                filter (
                    where
                    e.applied
                    and e.event in ('success', 'failure', 'cancel', 'deadline')
                )
            )[1] as settled_by
        from credits.generation_events as e
        where
            e.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or e.generation_id = any (p_piece.generations)
            )
        group by e.user_id, e.generation_id
    ),
    states as (
        select
            coalesce(g.user_id, c.user_id) as user_id,
            coalesce(g.generation_id, c.generation_id) as generation_id,
            coalesce(g.charge_transaction_id, c.transaction_id) as transaction_id,
            g.user_id is null as is_missing,
            g.status,
            g.credits_charged,
            g.refund_due_credits,
            g.refund_owed_since,
            g.finished_at,
            g.last_event_no,
            g.provider_task_id,
            g.charge_transaction_id,
            c.charges,
            c.credits,
            c.transaction_id as charged_by,
            coalesce(r.refunded, 0) as refunded,
            e.events,
            e.last_event_no as last_written,
            e.settled_by,
            p.generation_id as mapped_to
        from generations as g
        full join charges as c
            on
                g.user_id = c.user_id
                and g.generation_id = c.generation_id
        left join credits.refund_totals as r
            on
                g.user_id = r.user_id
                and g.charge_transaction_id = r.transaction_id
        left join events as e
            on
                g.user_id = e.user_id
                and g.generation_id = e.generation_id
        left join credits.provider_tasks as p
            on
                g.provider = p.provider
                and g.provider_task_id = p.provider_task_id
                and g.user_id = p.user_id
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        s.generation_id,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'generation_missing',
                'false',
                s.is_missing::text,
                'a deduction names a generation of the same user'
            ),
            (
                'generation_charges',
                -- A generation that was settled in an older system was paid there.
                case
                    when s.charge_transaction_id is null and s.credits_charged = 0 then '0'
                    else '1'
                end,
                coalesce(s.charges, 0)::text,
                'each generation is charged exactly once'
            ),
            (
                'generation_charge',
                s.charge_transaction_id::text || ' ' || (-s.credits_charged)::text,
                s.charged_by::text || ' ' || s.credits::text,
                'the deduction is the one that the generation names, and takes its price'
            ),
            (
                'generation_settled',
                case s.settled_by
                    when 'success' then 'succeeded'
                    when 'failure' then 'failed'
                    when 'cancel' then 'cancelled'
                    when 'deadline' then 'timed_out'
                    else 'in flight'
                end,
                case when s.finished_at is null then 'in flight' else s.status::text end,
                'the status is that of the first event that settled it'
            ),
            (
                'generation_due',
                'true',
                (
                    s.finished_at is not null
                    or (s.refund_due_credits = 0 and s.refunded = 0)
                )::text,
                'nothing is due or refunded while the generation is in flight'
            ),
            (
                'refund_owed',
                (s.refund_due_credits > s.refunded)::text,
                (s.refund_owed_since is not null)::text,
                'what is due and not refunded is listed as owed, and nothing else'
            ),
            (
                'generation_events',
                s.last_event_no::text || ' ' || s.last_event_no::text,
                coalesce(s.last_written, 0)::text || ' ' || coalesce(s.events, 0)::text,
                'the generation''s events are numbered without gaps'
            ),
            (
                'generation_task',
                (s.provider_task_id is not null)::text,
                coalesce(s.mapped_to = s.generation_id, false)::text,
                'the generation''s task at the provider leads back to the generation'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (k.kind = 'generation_missing' or not s.is_missing);
end
$verify_generations$;

comment on function credits_internal.verify_generations is
'Violations between generations, their charges, refunds, events and tasks, for users in this range '
'of ids, or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_generations from public;
