-- Apply what was reported of a generation: every change of its status, and everything that becomes
-- due by one, happens here, as judge_event says.
--
-- The caller holds the generation's lock. A report only describes, so that none is refused: long
-- texts are cut, and a cost that makes no sense is left out.

create or replace function credits_internal.apply_event(
    p_generation credits.generations,
    p_event text,
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
            coalesce(
                nullif(
                    left(
                        credits_internal.lower_case(credits_internal.trimmed(p_error_type)), 100
                    ),
                    ''
                ),
                'unknown'
            )
        when 'cancel' then 'user_cancelled'
        when 'deadline' then 'timeout'
    end;
    v_cost_usd constant numeric := credits_internal.known_usd(p_cost_usd);
    v_judgement credits_internal.event_judgement;
    v_is_failure boolean;
    v_now timestamptz;
    v_payment credits.owed_refund;
begin
    v_judgement := credits_internal.judge_event(
        p_generation,
        p_event,
        p_is_callback,
        p_final_credits,
        v_error_type,
        p_provider_billed,
        v_cost_usd,
        p_provider_task_id
    );

    -- A submission names a task, or is the first: it is never a repeat.
    if v_judgement.is_kept
        and not v_judgement.is_applied
        and p_event <> 'submitted'
        and v_judgement.cost_usd is not distinct from p_generation.cost_usd
        and v_judgement.provider_billed is not distinct from p_generation.provider_billed
    then
        v_judgement.is_kept := not credits_internal.count_repeat(
            p_generation => p_generation,
            p_event => p_event,
            p_is_callback => p_is_callback,
            p_credits => p_final_credits,
            p_cost_usd => v_cost_usd,
            p_provider_billed => p_provider_billed,
            p_error_type => v_error_type,
            p_code => p_code,
            p_message => p_message,
            p_payload => p_payload
        );
    end if;

    if v_judgement.is_kept then
        v_is_failure := v_judgement.is_applied and v_error_type is not null;
        v_now := credits_internal.clock();

        update credits.generations as g
        set
            status = v_judgement.status::credits.generation_status,
            submitted_at = case
                when p_event = 'submitted'
                    or (v_judgement.is_applied and v_judgement.status = 'processing')
                    then coalesce(g.submitted_at, v_now)
                else g.submitted_at
            end,
            finished_at = case
                when v_judgement.status not in ('pending', 'processing')
                    then coalesce(g.finished_at, v_now)
            end,
            refund_due_credits = v_judgement.due_credits,
            provider_task_id = coalesce(g.provider_task_id, p_provider_task_id),
            error_type = case when v_is_failure then v_error_type else g.error_type end,
            error_code = case when v_is_failure then left(p_code, 500) else g.error_code end,
            error_message = case
                when v_is_failure then left(p_message, 1000)
                else g.error_message
            end,
            cost_usd = v_judgement.cost_usd,
            provider_billed = v_judgement.provider_billed,
            metadata = case
                when v_judgement.is_applied then g.metadata || p_metadata
                else g.metadata
            end,
            last_event_no = g.last_event_no + 1
        where
            g.user_id = p_generation.user_id
            and g.generation_id = p_generation.generation_id
        -- What the steps below read of the generation: returning the whole row takes longer.
        returning g.status, g.refund_due_credits, g.error_type, g.last_event_no
        into strict
            v_generation.status,
            v_generation.refund_due_credits,
            v_generation.error_type,
            v_generation.last_event_no;

        -- The same insert as in write_event, whose call would make a callback a tenth slower.
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
            p_event::credits.generation_event,
            p_generation.status,
            v_judgement.is_applied,
            p_is_callback,
            v_now,
            p_final_credits,
            v_cost_usd,
            p_provider_billed,
            v_error_type,
            left(coalesce(p_provider_task_id, p_code), 500),
            left(p_message, 1000),
            coalesce(p_payload, '{}'),
            case
                when p_cost_usd is not null and v_cost_usd is null
                    then coalesce(p_dropped, '{}') || ('p_cost_usd ' || left(p_cost_usd::text, 100))
                else p_dropped
            end
        );

        -- A refund under review is on the list of owed ones, and settle_owed_refunds alone pays it.
        if v_judgement.is_applied
            and v_judgement.due_credits > 0
            and not v_generation.owed_review
        then
            v_payment := credits_internal.pay_or_owe(v_generation);
        end if;
    end if;

    if v_judgement.alert is not null or p_final_credits > p_generation.credits_charged then
        perform credits_internal.alert_on_event(
            p_generation => v_generation,
            p_type => v_judgement.alert,
            p_only_if_refunded => v_judgement.alerts_only_if_refunded,
            p_final_credits => p_final_credits
        );
    end if;

    if p_generation.finished_at is not null then
        return credits_internal.generation_result(
            p_generation.user_id,
            p_generation.generation_id,
            v_judgement.is_applied,
            v_judgement.is_replayed
        );
    end if;

    -- The usual case: before a generation finishes, nothing of it has come back.
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
                    when u.next_due_at <= credits_internal.clock()
                        then credits_internal.spendable_credits(u.user_id)
                    else u.balance
                end
            from credits.user_credits as u
            where u.user_id = p_generation.user_id
        ),
        v_judgement.is_applied,
        v_judgement.is_replayed
    )::credits.generation_result;
end
$apply_event$;

comment on function credits_internal.apply_event is
'Apply one event to a locked generation by the rules of generation_life: status, what is due, '
'cost, event, payment and alert.';

revoke all on function credits_internal.apply_event from public;
