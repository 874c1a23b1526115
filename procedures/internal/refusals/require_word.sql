-- Refuse an identifying text that is missing, blank or too long.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_word(
    p_argument text,
    p_value text,
    p_max_length integer,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_word$
begin
    if credits_internal.is_good_word(p_value, p_max_length) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        p_argument,
        p_value,
        case
            when p_value is null then 'is null'
            when credits_internal.trimmed(p_value) = '' then 'is blank'
            else format('has %s characters', length(p_value))
        end,
        format('%s In at most %s characters.', p_hint, p_max_length)
    );
end
$require_word$;

comment on function credits_internal.require_word is
'Refuse null, blank and too long texts that identify something, with PT422.';

revoke all on function credits_internal.require_word from public;
