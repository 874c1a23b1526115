-- Apply what was reported of a generation: every change of its status, and everything that becomes
-- due by one, happens here.
--
-- The caller holds its lock. Whoever reports only describes, so that nothing is refused: texts are
-- cut, and what makes no sense has been dropped.

create or replace function credits_internal.apply_event(
    p_generation credits.generations,
    p_event credits.generation_event,
    p_is_callback boolean default false,
    p_final_credits bigint default null,
    p_error_type text default null,
    p_code text default null,
    p_message text default null,
    p_provider_billed boolean default null,
    p_cost_usd numeric default null,
    p_provider_task_id text default null,
    p_metadata jsonb default '{}',
    p_payload jsonb default null,
    p_dropped text[] default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $apply_event$
declare
    v_generation credits.generations := p_generation;
    v_error_type constant text := case p_event
        when 'failure' then
            coalesce(nullif(lower(left(btrim(p_error_type), 100)), ''), 'unknown')
        when 'cancel' then 'user_cancelled'
        when 'deadline' then 'timeout'
    end;
    v_code constant text := left(p_code, 500);
    v_message constant text := left(p_message, 1000);
    v_cost_usd constant numeric := credits_internal.known_usd(p_cost_usd);
    v_rule record;
    v_due bigint;
    v_applied boolean;
    v_replayed boolean;
    v_is_late_success boolean;
    v_books boolean;
    v_now timestamptz;
    v_payment credits.owed_refund;
begin
    select
        r.next_status,
        r.outcome,
        r.due,
        r.alert
    into strict v_rule
    from credits_internal.generation_life() as r
    where
        r.status = p_generation.status
        and r.event = p_event
    -- There is one: what follows it need not be read.
    limit 1;

    v_due := p_generation.refund_due_credits;

    if v_rule.due = 'price' then
        v_due := greatest(v_due, p_generation.credits_charged - p_final_credits);
    elsif v_rule.due = 'policy'
        and v_error_type = 'user_cancelled'
        and p_generation.status = 'pending'
    then
        -- Nobody has worked for it yet.
        v_due := p_generation.credits_charged;
    elsif v_rule.due = 'policy' then
        -- Rounding favours the user.
        v_due := greatest(
            v_due,
            ceil(
                p_generation.credits_charged * coalesce(
                    (
                        select p.refund_percent
                        from credits.refund_policies as p
                        where p.error_type in (v_error_type, '*')
                        order by p.error_type = '*'
                        limit 1
                    ),
                    100
                ) / 100
            )::bigint
        );
    end if;

    v_applied := v_rule.outcome = 'applied'
        or (v_rule.outcome = 'raises' and v_due > p_generation.refund_due_credits)
        -- The provider has it, as we knew; but now also under which id.
        or (
            p_generation.status = 'processing'
            and p_generation.provider_task_id is null
            and p_provider_task_id is not null
        );
    v_replayed := v_rule.outcome in ('raises', 'replay') and not v_applied;
    v_is_late_success := v_rule.alert is not distinct from 'late_success_after_refund';
    v_books := v_applied
        -- The same again, but with what was not known before.
        or (
            v_replayed
            and (
                (p_generation.cost_usd is null and v_cost_usd is not null)
                or (p_generation.provider_billed is null and p_provider_billed is not null)
            )
        );

    -- Every callback is kept; of other calls, those that are more than the same again.
    if p_is_callback or not v_replayed or v_books then
        v_now := credits_internal.clock();

        update credits.generations as g
        set
            status = case when v_applied then v_rule.next_status else g.status end,
            submitted_at = case
                when p_event = 'submitted' or (v_applied and v_rule.next_status = 'processing')
                    then coalesce(g.submitted_at, v_now)
                else g.submitted_at
            end,
            finished_at = case
                when v_applied and v_rule.next_status not in ('pending', 'processing')
                    then coalesce(g.finished_at, v_now)
                else g.finished_at
            end,
            refund_due_credits = v_due,
            provider_task_id = coalesce(g.provider_task_id, p_provider_task_id),
            error_type = case when v_applied then coalesce(v_error_type, g.error_type)
                else g.error_type
            end,
            error_code = case when v_applied and v_error_type is not null then v_code
                else g.error_code
            end,
            error_message = case when v_applied and v_error_type is not null then v_message
                else g.error_message
            end,
            cost_usd = case
                when v_applied or v_is_late_success then coalesce(v_cost_usd, g.cost_usd)
                when v_books then coalesce(g.cost_usd, v_cost_usd)
                else g.cost_usd
            end,
            provider_billed = case
                when v_is_late_success then true
                when v_applied then coalesce(p_provider_billed, g.provider_billed)
                when v_books then coalesce(g.provider_billed, p_provider_billed)
                else g.provider_billed
            end,
            metadata = case when v_applied then g.metadata || p_metadata else g.metadata end,
            last_event_no = g.last_event_no + 1
        where
            g.user_id = p_generation.user_id
            and g.generation_id = p_generation.generation_id
        -- What is read of it from here on; all of the row costs.
        returning g.status, g.refund_due_credits, g.error_type, g.last_event_no
        into strict
            v_generation.status,
            v_generation.refund_due_credits,
            v_generation.error_type,
            v_generation.last_event_no;

        -- As write_event does, but for the call.
        insert into credits.generation_events (
            user_id,
            generation_id,
            event_no,
            event,
            status_before,
            applied,
            is_callback,
            created_at,
            credits,
            cost_usd,
            provider_billed,
            error_type,
            code,
            message,
            payload,
            dropped
        )
        values (
            p_generation.user_id,
            p_generation.generation_id,
            v_generation.last_event_no,
            p_event,
            p_generation.status,
            v_applied,
            p_is_callback,
            v_now,
            p_final_credits,
            v_cost_usd,
            p_provider_billed,
            v_error_type,
            coalesce(p_provider_task_id, v_code),
            v_message,
            coalesce(p_payload, '{}'),
            case
                when p_cost_usd is distinct from v_cost_usd
                    then coalesce(p_dropped, '{}') || ('p_cost_usd ' || left(p_cost_usd::text, 100))
                else p_dropped
            end
        );

        -- What is under review is on the list already, and paid by settle_owed_refunds alone.
        if v_applied and v_due > 0 and not v_generation.owed_review then
            v_payment := credits_internal.pay_or_owe(v_generation);
        end if;
    end if;

    if v_rule.alert is not null or p_final_credits > p_generation.credits_charged then
        perform credits_internal.alert_on_event(
            p_generation => v_generation,
            p_type => v_rule.alert,
            p_final_credits => p_final_credits
        );
    end if;

    if p_generation.finished_at is not null then
        return credits_internal.generation_result(
            p_generation.user_id, p_generation.generation_id, v_applied, v_replayed
        );
    end if;

    -- The usual case: of one that was in flight, nothing had come back before.
    return row(
        p_generation.generation_id,
        p_generation.user_id,
        v_generation.status,
        p_generation.credits_charged,
        coalesce(v_payment.credits_refunded, 0),
        coalesce(v_payment.credits_refunded, 0) > 0 and v_generation.status <> 'succeeded',
        (
            select
                case
                    when u.next_expiry_at <= credits_internal.clock()
                        then credits_internal.spendable_credits(u.user_id)
                    else u.balance
                end
            from credits.user_credits as u
            where u.user_id = p_generation.user_id
        ),
        v_applied,
        v_replayed
    )::credits.generation_result;
end
$apply_event$;

comment on function credits_internal.apply_event is
'Apply one event to a locked generation by the rules of generation_life: status, what is due, '
'cost, event, payment and alert.';

revoke all on function credits_internal.apply_event from public;
