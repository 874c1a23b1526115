-- A word in lower case, the same in every database.
--
-- The database's own collation could be Turkish, where the small letter of I has no dot. Inlined by
-- the planner, since it stands in the money path.

create or replace function credits_internal.lower_case(
    p_text text
)
returns text
language sql
immutable
parallel safe
security invoker
as $lower_case$
    select pg_catalog.lower(p_text collate pg_catalog."C")
$lower_case$;

comment on function credits_internal.lower_case is
'The text with A to Z in lower case, whatever the database''s locale is.';

revoke all on function credits_internal.lower_case from public;
