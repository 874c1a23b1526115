-- All checks of the ledger, for a range of users or for a piece of one user's.

create or replace function credits_internal.verify_range(
    p_from uuid,
    p_to uuid,
    p_piece credits_internal.proof_piece default null
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_range$
begin
    -- Before its end the ledger cannot be compared with the user's row.
    if p_piece.is_last is not false then
        return query select v.* from credits_internal.verify_users(p_from, p_to, p_piece) as v;
    end if;

    return query select v.* from credits_internal.verify_entries(p_from, p_to, p_piece) as v;
    return query select v.* from credits_internal.verify_lots(p_from, p_to, p_piece) as v;
    return query select v.* from credits_internal.verify_descent(p_from, p_to, p_piece) as v;
    return query select v.* from credits_internal.verify_refunds(p_from, p_to, p_piece) as v;
    return query select v.* from credits_internal.verify_revocations(p_from, p_to, p_piece) as v;
    return query select v.* from credits_internal.verify_generations(p_from, p_to, p_piece) as v;
end
$verify_range$;

comment on function credits_internal.verify_range is
'Violations of all kinds, for users in this range of ids; p_piece: null = all that they have, else '
'a piece of the one user''s ledger.';

revoke all on function credits_internal.verify_range from public;
