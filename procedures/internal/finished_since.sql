-- What finished since a time, but for what was cancelled.

create or replace function credits_internal.finished_since(
    p_since timestamptz
)
returns table (
    provider text,
    finished_at timestamptz,
    error_type text,
    is_provider_fault boolean
)
language sql
stable
parallel safe
security invoker
as $finished_since$
    select
        g.provider,
        g.finished_at,
        g.error_type,
        g.status <> 'succeeded' and coalesce(p.fault, a.fault, 'platform') = 'provider'
    from credits.generations as g
    left join credits.refund_policies as p on g.error_type = p.error_type
    left join credits.refund_policies as a on a.error_type = '*'
    where
        g.finished_at > p_since
        and g.status <> 'cancelled'
$finished_since$;

comment on function credits_internal.finished_since is
'What succeeded, failed or timed out after this time, and whether it was its provider''s fault by '
'refund_policies (its row * for an unknown type).';

revoke all on function credits_internal.finished_since from public;
