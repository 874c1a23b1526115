-- Whether a text can identify something.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_word(
    p_value text,
    p_max_length integer
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_word$
    select coalesce(
        credits_internal.trimmed(p_value) <> ''
        and pg_catalog.length(p_value) <= p_max_length,
        false
    )
$is_good_word$;

comment on function credits_internal.is_good_word is
'True for a text that is neither null nor blank and has at most so many characters.';

revoke all on function credits_internal.is_good_word from public;
