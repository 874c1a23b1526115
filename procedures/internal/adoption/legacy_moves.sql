-- What a write to columns with credits means for each of them apart.
--
-- A total decides: where it changed, a column that it includes only says which part of that is its
-- own. Where the total stayed as it was, a part moves alone.

create or replace function credits_internal.legacy_moves(
    p_buckets credits_internal.legacy_bucket[]
)
returns table (
    place integer,
    credits bigint,
    is_expiring boolean,
    is_monthly boolean,
    own_before bigint,
    own_after bigint,
    expires_at timestamptz,
    priority integer,
    unit_price_usd numeric
)
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_moves$
    with buckets as (
        select
            b.place::integer as place,
            b.credits_before,
            b.credits_after,
            b.credits_after - b.credits_before as change,
            b.is_expiring,
            b.is_monthly,
            b.part_of,
            b.expires_at,
            b.priority,
            b.unit_price_usd
        from unnest(p_buckets) with ordinality as b (
            credits_before,
            credits_after,
            is_expiring,
            is_monthly,
            part_of,
            expires_at,
            priority,
            unit_price_usd,
            place
        )
    ),
    totals as (
        select
            t.place,
            t.change,
            sum(p.credits_before)::bigint as parts_before,
            sum(p.credits_after)::bigint as parts_after,
            coalesce(
                sum(p.change) filter (where sign(p.change) = sign(t.change)), 0
            )::bigint as parts
        from buckets as t
        inner join buckets as p on t.place = p.part_of
        group by
            t.place,
            t.change
    )
    select
        b.place,
        case
            -- This column is a part, and its total changed, too.
            when w.change <> 0
                then case
                    when sign(b.change) = sign(w.change) and abs(w.parts) <= abs(w.change)
                        then b.change
                    else 0
                end
            -- This column is a total.
            when abs(t.parts) <= abs(t.change) then b.change - t.parts
            else b.change
        end,
        -- A total may have been lowered for whatever it includes.
        case when t.place is null or b.change >= 0 then b.is_expiring end,
        b.is_monthly,
        b.credits_before - coalesce(t.parts_before, 0),
        b.credits_after - coalesce(t.parts_after, 0),
        b.expires_at,
        b.priority,
        b.unit_price_usd
    from buckets as b
    left join totals as t on b.place = t.place
    left join totals as w on b.part_of = w.place
$legacy_moves$;

comment on function credits_internal.legacy_moves is
'By how much a write moves the credits of each column for itself, without those that a total '
'includes; is_expiring = null: of all lots. own_before, own_after: what it held, and holds, apart '
'from what it includes.';

revoke all on function credits_internal.legacy_moves from public;
