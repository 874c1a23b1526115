-- Tell the operators where a task of an older application ended, and its credits are not where one
-- would expect them.

create or replace function credits_internal.alert_on_task(
    p_user_id uuid,
    p_generation_id uuid
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $alert_on_task$
declare
    v_task credits.mirrored_tasks;
    v_generation credits.generations;
begin
    select m.*
    into v_task
    from credits.mirrored_tasks as m
    where
        m.user_id = p_user_id
        and m.generation_id = p_generation_id;

    select g.*
    into strict v_generation
    from credits.generations as g
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if v_generation.status = 'succeeded' and v_task.asked_back_at is not null then
        perform credits_internal.open_generation_alert(
            v_generation,
            'legacy_refund_unmatched',
            format(
                'a refund of %s credits was asked for while this task was in flight, and it '
                'succeeded',
                v_task.credits
            )
        );
    elsif v_generation.status <> 'succeeded'
        and v_task.credits > 0
        and v_task.charge_transaction_id is null
    then
        perform credits_internal.open_generation_alert(
            v_generation,
            'mirrored_task_unpaid',
            format(
                'a task of %s credits failed, and no deduction is known that paid for it: nothing '
                'came back',
                v_task.credits
            )
        );
    end if;
end
$alert_on_task$;

comment on function credits_internal.alert_on_task is
'Open mirrored_task_unpaid where a task failed that no known deduction paid for, and '
'legacy_refund_unmatched where one succeeded whose refund had been asked for.';

revoke all on function credits_internal.alert_on_task from public;
