-- What a user has in some columns of an older system's balances.
--
-- A lot is in the column that it came over from, or that a call by an old name granted it into; a
-- lot of a refund or a rollover is where its origin is. All others are in the first column whose
-- credits last as long as they do.

create or replace function credits_internal.legacy_bucket_credits(
    p_user_id uuid,
    p_source_table text,
    p_buckets text[],
    p_lasting boolean[],
    p_shown text[]
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_bucket_credits$
    select coalesce(sum(l.remaining), 0)::bigint
    from credits.credit_lots as l
    left join credits.credit_lots as o
        on
            l.user_id = o.user_id
            and l.origin_lot_id = o.lot_id
    left join credits.credit_transactions as t
        on
            l.user_id = t.user_id
            and coalesce(o.grant_transaction_id, l.grant_transaction_id) = t.transaction_id
    left join credits.imported_balances as i
        on
            t.user_id = i.user_id
            and t.transaction_id = i.transaction_id
            and i.source_table = p_source_table
    cross join lateral (
        select coalesce(i.bucket, t.metadata ->> 'legacy_bucket') as bucket
    ) as b
    where
        l.user_id = p_user_id
        and l.remaining > 0
        and (l.expires_at is null or l.expires_at > credits_internal.clock())
        and case
            when b.bucket = any (p_buckets) then b.bucket
            else p_buckets[coalesce(array_position(p_lasting, l.expires_at is null), 1)]
        end = any (p_shown)
$legacy_bucket_credits$;

comment on function credits_internal.legacy_bucket_credits is
'The credits of a user in these columns (p_shown) of an older system''s balances. p_lasting: for '
'each of its columns (p_buckets) whether its credits never expire.';

revoke all on function credits_internal.legacy_bucket_credits from public;
