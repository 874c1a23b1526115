-- Note that a refund could not be paid: list it as owed, keep the error, alert.

create or replace function credits_internal.note_refund_failed(
    p_generation credits.generations,
    p_sqlstate text,
    p_message text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_refund_failed$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_message constant text := left(p_message, 1000);
    -- Retries go on until the refund is paid: an error that only repeats the last one writes no
    -- event; the alert counts it.
    v_is_news constant boolean := p_generation.refund_owed_since is null
        or v_message is distinct from (
            select e.message
            from credits.generation_events as e
            where
                e.user_id = p_generation.user_id
                and e.generation_id = p_generation.generation_id
                and e.event = 'refund_failed'
            order by e.event_no desc
            limit 1
        );
    v_generation credits.generations;
begin
    update credits.generations as g
    set
        refund_owed_since = coalesce(g.refund_owed_since, v_now),
        refund_tried_at = v_now,
        last_event_no = g.last_event_no + v_is_news::integer
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
    returning g.* into strict v_generation;

    if v_is_news then
        perform credits_internal.write_event(
            p_generation => v_generation,
            p_event => 'refund_failed',
            p_applied => false,
            p_at => v_now,
            p_code => p_sqlstate,
            p_message => v_message
        );
    end if;

    perform credits_internal.open_generation_alert(
        p_generation,
        'refund_failed',
        'a refund could not be paid: ' || v_message,
        jsonb_build_object('sqlstate', p_sqlstate)
    );
end
$note_refund_failed$;

comment on function credits_internal.note_refund_failed is
'Put a locked generation on the list of owed refunds, with the error that kept it from being paid.';

revoke all on function credits_internal.note_refund_failed from public;
