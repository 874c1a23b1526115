-- Tell the operators of a report that does not fit what was settled.

create or replace function credits_internal.alert_on_event(
    p_generation credits.generations,
    p_type text,
    p_only_if_refunded boolean,
    p_final_credits bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $alert_on_event$
declare
    v_result constant credits.generation_result := credits_internal.generation_result(
        p_generation.user_id, p_generation.generation_id, null, null
    );
begin
    if p_type = 'conflicting_failure' then
        perform credits_internal.open_generation_alert(
            p_generation,
            p_type,
            'a failure was reported for a generation that had succeeded'
        );
    elsif p_type = 'late_success_after_refund'
        and (
            not p_only_if_refunded
            or (
                (v_result.refunded or p_generation.refund_due_credits > 0)
                and exists (
                    select
                    from credits.generation_events as e
                    where
                        e.user_id = p_generation.user_id
                        and e.generation_id = p_generation.generation_id
                        and e.event = 'success'
                )
            )
        )
    then
        perform credits_internal.open_generation_alert(
            p_generation,
            p_type,
            format(
                'a success was reported for a generation that had been settled as %s; the provider '
                'bills it',
                p_generation.status
            )
        );
    end if;

    if p_final_credits > p_generation.credits_charged
        and p_generation.status = 'succeeded'
    then
        perform credits_internal.open_generation_alert(
            p_generation,
            'price_above_charge',
            format(
                'the final price of %s credits is above the charge of %s; it stays at the charge',
                p_final_credits,
                p_generation.credits_charged
            )
        );
    end if;
end
$alert_on_event$;

comment on function credits_internal.alert_on_event is
'Open the alerts that an event of a generation calls for.';

revoke all on function credits_internal.alert_on_event from public;
