-- Raise PT422 for an argument, naming it and the value it had.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refuse_argument(
    p_argument text,
    p_value text,
    p_message text,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse_argument$
begin
    perform credits_internal.refuse(
        p_sqlstate => 'PT422',
        p_code => 'invalid_argument',
        p_message => p_argument || ' ' || p_message,
        p_hint => p_hint,
        -- Long enough to recognise, short enough for a log.
        p_figures => jsonb_build_object('argument', p_argument, 'value', left(p_value, 100))
    );
end
$refuse_argument$;

comment on function credits_internal.refuse_argument is
'Raise PT422 invalid_argument; the message starts with the argument''s name.';

revoke all on function credits_internal.refuse_argument from public;
