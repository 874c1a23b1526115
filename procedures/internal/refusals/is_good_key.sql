-- Whether an idempotency key is one that callers may use.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_key(
    p_idempotency_key text
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_key$
    select coalesce(
        pg_catalog.length(p_idempotency_key) between 1 and 200
        and not pg_catalog.starts_with(p_idempotency_key, 'pgcredits:'),
        true
    )
$is_good_key$;

comment on function credits_internal.is_good_key is
'True for null, and for 1 to 200 characters that do not start with pgcredits:.';

revoke all on function credits_internal.is_good_key from public;
