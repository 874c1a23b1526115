-- Refuse an idempotency key that is empty, too long or ours.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_key(
    p_idempotency_key text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_key$
begin
    if credits_internal.is_good_key(p_idempotency_key) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_idempotency_key',
        p_idempotency_key,
        case
            when p_idempotency_key = '' then 'is empty'
            when length(p_idempotency_key) > 200
                then format('has %s characters', length(p_idempotency_key))
            else 'starts with pgcredits:, which is reserved'
        end,
        'Pass 1 to 200 characters that name this one request, or null for a call that is never '
        'retried.'
    );
end
$require_key$;

comment on function credits_internal.require_key is
'Refuse a key that is empty, longer than 200 characters or starts with pgcredits:, with PT422. '
'Null passes.';

revoke all on function credits_internal.require_key from public;
