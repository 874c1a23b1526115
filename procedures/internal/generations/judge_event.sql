-- Judge what an event makes of a generation, by the rules of generation_life; it changes nothing.

create or replace function credits_internal.judge_event(
    p_generation credits.generations,
    p_event text,
    p_is_callback boolean,
    p_final_credits bigint,
    p_error_type text,
    p_provider_billed boolean,
    p_cost_usd numeric,
    p_provider_task_id text
)
returns credits_internal.event_judgement
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $judge_event$
declare
    v_status constant text := p_generation.status;
    v_rule record;
    v_judgement credits_internal.event_judgement;
begin
    select
        r.next_status,
        r.outcome,
        r.due,
        r.due_in_full_for,
        r.books,
        r.is_late_success,
        r.alert,
        r.alerts_only_if_refunded
    into strict v_rule
    from credits_internal.generation_life() as r
    where
        r.status = v_status
        and r.event = p_event
    -- At most one rule fits: the rest of the table need not be read.
    limit 1;

    v_judgement.due_credits := p_generation.refund_due_credits;

    if p_error_type = v_rule.due_in_full_for then
        v_judgement.due_credits := p_generation.credits_charged;
    elsif v_rule.due = 'price' then
        v_judgement.due_credits := greatest(
            v_judgement.due_credits, p_generation.credits_charged - p_final_credits
        );
    elsif v_rule.due = 'policy' then
        v_judgement.due_credits := greatest(
            v_judgement.due_credits,
            credits_internal.due_by_policy(p_generation.credits_charged, p_error_type)
        );
    end if;

    v_judgement.is_applied := v_rule.outcome = 'applied'
        or (
            v_rule.outcome = 'raises'
            and v_judgement.due_credits > p_generation.refund_due_credits
        )
        or (
            v_rule.outcome = 'names task'
            and p_generation.provider_task_id is null
            and p_provider_task_id is not null
        );
    v_judgement.is_replayed := v_rule.outcome in ('raises', 'names task', 'replay')
        and not v_judgement.is_applied;
    v_judgement.status := case
        when v_judgement.is_applied then v_rule.next_status
        else v_status
    end;

    if v_rule.books = 'reported' and not v_judgement.is_replayed then
        v_judgement.cost_usd := coalesce(p_cost_usd, p_generation.cost_usd);
        v_judgement.provider_billed := v_rule.is_late_success
            or coalesce(p_provider_billed, p_generation.provider_billed);
    elsif v_rule.books is not null then
        v_judgement.cost_usd := coalesce(p_generation.cost_usd, p_cost_usd);
        v_judgement.provider_billed := coalesce(p_generation.provider_billed, p_provider_billed);
    else
        v_judgement.cost_usd := p_generation.cost_usd;
        v_judgement.provider_billed := p_generation.provider_billed;
    end if;

    -- Every callback is kept as an event; other calls only where they are more than a repeat.
    v_judgement.is_kept := p_is_callback
        or not v_judgement.is_replayed
        or v_judgement.cost_usd is distinct from p_generation.cost_usd
        or v_judgement.provider_billed is distinct from p_generation.provider_billed;
    v_judgement.alert := case when not v_judgement.is_replayed then v_rule.alert end;
    v_judgement.alerts_only_if_refunded := v_rule.alerts_only_if_refunded;

    return v_judgement;
end
$judge_event$;

comment on function credits_internal.judge_event is
'What one event makes of a locked generation, by the rules of generation_life: status, what is '
'due, cost, and whether it is applied, a replay, kept as an event, and alerts. Changes nothing.';

revoke all on function credits_internal.judge_event from public;
