-- The idempotency key of a refund that a call site of an older system asks for.

create or replace function credits_internal.legacy_refund_key(
    p_reference text
)
returns text
language sql
immutable
parallel safe
security invoker
as $legacy_refund_key$
    select 'legacy-refund:' || md5(p_reference)
$legacy_refund_key$;

comment on function credits_internal.legacy_refund_key is
'legacy-refund:<md5 of the reference>; null where there is no reference.';

revoke all on function credits_internal.legacy_refund_key from public;
