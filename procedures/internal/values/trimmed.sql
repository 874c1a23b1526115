-- A name, an id or a code without the white space around it.
--
-- Inlined by the planner, since it stands in the money path.

create or replace function credits_internal.trimmed(
    p_text text
)
returns text
language sql
immutable
parallel safe
security invoker
as $trimmed$
    select pg_catalog.btrim(p_text, credits_internal.white_space())
$trimmed$;

comment on function credits_internal.trimmed is
'The text without spaces, tabs, line breaks and other white space at both ends.';

revoke all on function credits_internal.trimmed from public;
