-- Note that a lot's revocations got some of what they were owed, the oldest first.

create or replace function credits_internal.book_recovered(
    p_user_id uuid,
    p_lot_id uuid,
    p_credits bigint
)
returns void
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $book_recovered$
    update credits.credit_lots as l
    set revoked_owed = l.revoked_owed - p_credits
    where
        l.user_id = p_user_id
        and l.lot_id = p_lot_id;

    with owing as (
        select
            r.revocation_id,
            r.owed_credits,
            sum(r.owed_credits) over (order by r.revocation_id) as upto
        from credits.revocations as r
        where
            r.user_id = p_user_id
            and r.lot_id = p_lot_id
    ),
    paid as (
        select
            o.revocation_id,
            least(o.owed_credits, p_credits - (o.upto - o.owed_credits))::bigint as credits
        from owing as o
    )
    update credits.revocations as r
    set
        recovered_credits = r.recovered_credits + p.credits,
        owed_credits = r.owed_credits - p.credits
    from paid as p
    where
        r.user_id = p_user_id
        and r.revocation_id = p.revocation_id
        and p.credits > 0;
$book_recovered$;

comment on function credits_internal.book_recovered is
'Lower what a lot owes to its revocations by so many credits, and book them to the revocations, '
'the oldest first.';

revoke all on function credits_internal.book_recovered from public;
