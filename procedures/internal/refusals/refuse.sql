-- Raise one of our errors: a sentence, DETAIL as JSON with the code and the figures, and a hint.
--
-- Errors: the one asked for.

create or replace function credits_internal.refuse(
    p_sqlstate text,
    p_code text,
    p_message text,
    p_hint text,
    p_figures jsonb default '{}'
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse$
begin
    raise exception using
        errcode = p_sqlstate,
        message = p_message,
        detail = (jsonb_build_object('code', p_code) || p_figures)::text,
        hint = p_hint;
end
$refuse$;

comment on function credits_internal.refuse is
'Raise an error with this SQLSTATE; DETAIL is JSON with the code and the figures.';

revoke all on function credits_internal.refuse from public;
