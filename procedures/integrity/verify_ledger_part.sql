-- Verify the ledger part by part, each in a snapshot of its own: what pgcredits verify does.
--
-- A part is the users who follow, as many as have p_limit ledger rows together, or a piece of one
-- user's who has more. So what a part sorts and remembers is bounded, however large the ledger.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.verify_ledger_part(
    p_position jsonb default null,
    p_user_id uuid default null,
    p_limit integer default 20000
)
returns credits.ledger_part
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $verify_ledger_part$
declare
    v_greatest constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_from constant uuid := coalesce(
        (p_position ->> 'from')::uuid, p_user_id, credits_internal.nil_uuid()
    );
    v_end constant uuid := coalesce(p_user_id, v_greatest);
    v_part credits.ledger_part;
    v_to uuid;
    v_next uuid;
    v_proof credits_internal.proof;
begin
    perform credits_internal.require_limit(p_limit);

    v_part.total_rows := coalesce(
        (p_position ->> 'total_rows')::bigint,
        (
            select sum(u.last_seq)
            from credits.user_credits as u
            where u.user_id between v_from and v_end
        ),
        0
    );

    -- The first user who is too many for this part.
    select r.user_id
    into v_next
    from (
        select
            u.user_id,
            sum(u.last_seq + 1) over (order by u.user_id) as upto
        from (
            select
                b.user_id,
                b.last_seq
            from credits.user_credits as b
            where b.user_id between v_from and v_end
            order by b.user_id
            -- One more than fit, even of users without a row.
            limit p_limit::bigint + 1
        ) as u
    ) as r
    where r.upto > p_limit
    order by r.user_id
    limit 1;

    if p_position ? 'checkpoint' or v_next = v_from then
        v_proof := credits_internal.prove_user(
            v_from,
            jsonb_populate_record(
                null::credits_internal.checkpoint, p_position -> 'checkpoint'
            ),
            p_limit
        );
        v_part.violations := v_proof.violations;
        v_part.ledger_rows := v_proof.ledger_rows;
        v_part.users := v_proof.is_last::integer;
        v_to := v_from;
        v_part.first_user_id := case when v_proof.is_last then v_from end;
    else
        v_to := coalesce(credits_internal.uuid_before(v_next), v_end);
        v_part.violations := array(
            select v
            from credits_internal.verify_range(v_from, v_to) as v
        );
        v_part.first_user_id := v_from;

        select
            count(*),
            count(distinct t.user_id)
        into
            v_part.ledger_rows,
            v_part.users
        from credits.credit_transactions as t
        where t.user_id between v_from and v_to;
    end if;

    if v_part.first_user_id is null then
        v_part.position := jsonb_build_object(
            'from', v_from,
            'checkpoint', to_jsonb(v_proof.checkpoint),
            'total_rows', v_part.total_rows
        );

        return v_part;
    end if;

    v_part.last_user_id := v_to;

    if v_to < v_end then
        v_part.position := jsonb_build_object(
            'from', credits_internal.uuid_after(v_to),
            'total_rows', v_part.total_rows
        );
    elsif p_user_id is null then
        v_part.violations := v_part.violations || array(
            select v
            from credits_internal.verify_purchases() as v
        );
    end if;

    return v_part;
end
$verify_ledger_part$;

comment on function credits.verify_ledger_part is
'Verify the next part of the ledger, of one user or of all (null), in a snapshot of its own: '
'about p_limit ledger rows. Call it again with the position that it returns, until that is null; '
'what all calls find is what verify_ledger finds. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.verify_ledger_part from public;
grant execute on function credits.verify_ledger_part to credits_operator;
