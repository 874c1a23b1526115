-- After a refund: take what a revocation could not get when it was made.

create or replace function credits_internal.collect_owed(
    p_user credits.user_credits,
    p_now timestamptz,
    p_returned jsonb
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $collect_owed$
declare
    v_user credits.user_credits := p_user;
    v_owing record;
    v_recovered jsonb;
    v_at timestamptz;
begin
    -- The revocation had emptied a lot that still owes, and all lots descended from it: what they
    -- hold now has just come back.
    for v_owing in
        with recursive ancestors as (
            select
                l.lot_id,
                l.origin_lot_id,
                l.grant_transaction_id,
                l.revoked_owed
            from jsonb_to_recordset(p_returned) as r (lot_id uuid)
            inner join credits.credit_lots as l on r.lot_id = l.lot_id
            where l.user_id = p_user.user_id
            union
            select
                l.lot_id,
                l.origin_lot_id,
                l.grant_transaction_id,
                l.revoked_owed
            from ancestors as a
            inner join credits.credit_lots as l on a.origin_lot_id = l.lot_id
            where l.user_id = p_user.user_id
        )
        select
            a.lot_id,
            a.grant_transaction_id,
            a.revoked_owed
        from ancestors as a
        where a.revoked_owed > 0
        order by a.lot_id
    loop
        v_recovered := credits_internal.take_credits(
            p_user_id => p_user.user_id,
            p_credits => v_owing.revoked_owed,
            p_family_of => v_owing.lot_id
        );

        if v_recovered is not null then
            v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);
            v_user := credits_internal.write_entry(
                p_user => v_user,
                p_transaction_id => credits_internal.uuid_v7(v_at),
                p_at => v_at,
                p_transaction_type => 'revocation',
                p_allocations => v_recovered,
                p_credits => credits_internal.allocated(v_recovered),
                p_revocation_of => v_owing.grant_transaction_id
            );
            perform credits_internal.book_recovered(
                p_user_id => p_user.user_id,
                p_lot_id => v_owing.lot_id,
                p_credits => -credits_internal.allocated(v_recovered)
            );
        end if;
    end loop;

    return v_user;
end
$collect_owed$;

comment on function credits_internal.collect_owed is
'Follow a refund into revoked lots with a revocation of min(returned, owed).';

revoke all on function credits_internal.collect_owed from public;
