-- What a sweep says of a user whom it could not serve, and the alert that goes with it.

create or replace function credits_internal.failed_turn(
    p_task text,
    p_user_id uuid,
    p_generation_id uuid,
    p_error text
)
returns credits.sweep_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $failed_turn$
begin
    perform credits_internal.open_alert(
        p_user_id => p_user_id,
        p_type => 'maintenance_failed',
        p_message => format('%s could not serve a user: %s', p_task, left(p_error, 1000)),
        p_dedup_key => p_task,
        p_generation_id => p_generation_id
    );

    return row(p_user_id, p_generation_id, null, p_error)::credits.sweep_result;
end
$failed_turn$;

comment on function credits_internal.failed_turn is
'Open a maintenance_failed alert for one user''s turn in a sweep, and return the row that names '
'the error.';

revoke all on function credits_internal.failed_turn from public;
