-- Answer "why was I charged?": everything about one generation, in one JSON object.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.explain_charge(
    p_user_id uuid,
    p_generation_id uuid
)
returns jsonb
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $explain_charge$
declare
    v_generation constant credits.generation_result := credits.get_generation(
        p_user_id, p_generation_id
    );
    v_explanation jsonb;
begin
    select
        jsonb_build_object(
            'generation_id', g.generation_id,
            'user_id', g.user_id,
            'external_user_id', x.external_id,
            'provider', g.provider,
            'generation_type', g.generation_type,
            'status', g.status,
            'started_at', credits_internal.utc_text(g.created_at),
            'finished_at', credits_internal.utc_text(g.finished_at),
            'retry_of', g.retry_of,
            'error_type', g.error_type,
            'error_message', g.error_message,
            'price', jsonb_build_object(
                'credits_charged', v_generation.credits_charged,
                'credits_due_back', g.refund_due_credits,
                'credits_refunded', v_generation.credits_refunded,
                'credits_net', v_generation.credits_charged - v_generation.credits_refunded
            ),
            'charge', jsonb_build_object(
                'transaction_id', t.transaction_id,
                'at', credits_internal.utc_text(t.created_at),
                'credits', t.credits,
                'lots', credits_internal.explain_lots(g.user_id, t.allocations)
            ),
            'events', (
                select
                    jsonb_agg(
                        jsonb_strip_nulls(
                            jsonb_build_object(
                                'event_no', e.event_no,
                                'at', credits_internal.utc_text(e.created_at),
                                'event', e.event,
                                'applied', e.applied,
                                'is_callback', e.is_callback,
                                'credits', e.credits,
                                'error_type', e.error_type,
                                'code', e.code,
                                'message', e.message,
                                'explanation', x.description
                            )
                        )
                        order by e.event_no
                    )
                from credits.generation_events as e
                left join credits_internal.generation_life() as x
                    on
                        e.status_before::text = x.status
                        and e.event::text = x.event
                where
                    e.user_id = g.user_id
                    and e.generation_id = g.generation_id
            ),
            'repeated_reports', g.repeated_reports,
            'last_repeated_at', credits_internal.utc_text(g.last_repeated_at),
            'refunds', coalesce(
                (
                    select
                        jsonb_agg(
                            jsonb_build_object(
                                'transaction_id', f.transaction_id,
                                'at', credits_internal.utc_text(f.created_at),
                                'credits', f.credits,
                                'reason', f.reason,
                                'lots', credits_internal.explain_lots(g.user_id, f.allocations)
                            )
                            order by f.transaction_id
                        )
                    from credits.credit_transactions as f
                    where
                        f.user_id = g.user_id
                        -- Ids sort by time: all refunds lie between the charge and the last one.
                        and f.transaction_id > g.charge_transaction_id
                        and f.transaction_id <= (
                            select r.last_refund_id
                            from credits.refund_totals as r
                            where
                                r.user_id = g.user_id
                                and r.transaction_id = g.charge_transaction_id
                        )
                        and f.refund_of = g.charge_transaction_id
                ),
                '[]'
            )
        )
    into v_explanation
    from credits.generations as g
    left join credits.credit_transactions as t
        on
            g.user_id = t.user_id
            and g.charge_transaction_id = t.transaction_id
    left join credits.external_users as x on g.user_id = x.user_id
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    return v_explanation;
end
$explain_charge$;

comment on function credits.explain_charge is
'Why a user was charged for a generation: its price, the lots that paid, every event, every refund '
'and what it cost in the end (price.credits_net), as one JSON object. repeated_reports: how many '
'reports changed nothing and are not among the events, since they repeat one. Costs in US dollars '
'are not in it: it is for the user. Times are UTC. Messages are hostile input. Errors: PT422 '
'invalid_argument, PT404 generation_not_found.';

revoke all on function credits.explain_charge from public;
grant execute on function credits.explain_charge to credits_app;
