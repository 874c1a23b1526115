-- Note that a refund which was owed has been paid.

create or replace function credits_internal.note_refund_paid(
    p_generation credits.generations,
    p_credits bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_refund_paid$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_generation credits.generations;
begin
    update credits.generations as g
    set
        refund_owed_since = null,
        owed_review = false,
        last_event_no = g.last_event_no + 1
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
    returning g.* into strict v_generation;

    perform credits_internal.write_event(
        p_generation => v_generation,
        p_event => 'refund_paid',
        p_applied => true,
        p_at => v_now,
        p_credits => p_credits
    );
    perform credits_internal.close_alert(
        p_user_id => p_generation.user_id,
        p_type => 'refund_failed',
        p_dedup_key => p_generation.generation_id::text
    );
end
$note_refund_paid$;

comment on function credits_internal.note_refund_paid is
'Take a locked generation off the list of owed refunds, and resolve its alert.';

revoke all on function credits_internal.note_refund_paid from public;
