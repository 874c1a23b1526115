-- Pay refunds that are on the list of owed ones, user by user.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.pay_listed(
    p_task text,
    p_limit integer,
    p_under_review boolean
)
returns setof credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_listed$
declare
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_result credits.owed_refund;
begin
    -- Read more than p_limit, so that busy and failing users do not use up the limit.
    for v_next in
        select
            g.user_id,
            g.generation_id
        from credits.generations as g
        where
            g.refund_owed_since is not null
            and (p_under_review or not g.owed_review)
        order by g.refund_tried_at nulls first
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- The user is busy: the next run tries again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );

            -- The refund was paid meanwhile.
            continue when v_generation.refund_owed_since is null;

            v_result := credits_internal.pay_or_owe(v_generation);

            if v_result.error is null then
                v_served := v_served + 1;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                perform credits_internal.failed_turn(
                    p_task, v_next.user_id, v_next.generation_id, sqlerrm
                );
                v_result := (
                    v_next.user_id, v_next.generation_id, null, 0, sqlerrm
                )::credits.owed_refund;
        end;

        return next v_result;
    end loop;
end
$pay_listed$;

comment on function credits_internal.pay_listed is
'Pay up to so many owed refunds, those under review only if asked to, for the sweep of this name; '
'a row for each.';

revoke all on function credits_internal.pay_listed from public;
