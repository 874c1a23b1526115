-- For sweeps: users for whom something is due, from where the latest call ended and once around.
--
-- Inlined by the planner, so that a loop over it reads no more users than it looks at. It ends a
-- thousand users after p_limit, and so does each part: so the index is read in its order however
-- many are due, and what a call passes over costs it little; the next call goes on from there.

create or replace function credits_internal.due_users(
    p_task text,
    p_now timestamptz,
    p_limit integer
)
returns table (
    user_id uuid,
    next_due_at timestamptz,
    next_allowance_at timestamptz,
    round_until timestamptz
)
language sql
stable
parallel safe
security invoker
as $due_users$
    select
        d.user_id,
        d.next_due_at,
        d.next_allowance_at,
        v.round_until
    from (values (p_task)) as t (task)
    left join credits.sweep_positions as s on t.task = s.task
    cross join lateral (
        select
            coalesce(s.due_at, '-infinity') as due_at,
            coalesce(s.user_id, credits_internal.nil_uuid()) as user_id,
            coalesce(s.round_until, p_now) as round_until,
            'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as greatest_id
    ) as r
    cross join lateral (
        values
        (r.due_at, r.user_id, r.round_until, r.greatest_id, r.round_until),
        ('-infinity', credits_internal.nil_uuid(), r.due_at, r.user_id, p_now),
        (r.round_until, r.greatest_id, p_now, r.greatest_id, p_now)
    ) as v (after_at, after_id, upto_at, upto_id, round_until)
    cross join lateral (
        select
            u.user_id,
            u.next_due_at,
            u.next_allowance_at
        from credits.user_credits as u
        where
            u.next_due_at <= p_now
            and (u.next_due_at, u.user_id) > (v.after_at, v.after_id)
            and (u.next_due_at, u.user_id) <= (v.upto_at, v.upto_id)
        order by
            u.next_due_at,
            u.user_id
        limit p_limit + 1000::bigint
    ) as d
    limit p_limit + 1000::bigint
$due_users$;

comment on function credits_internal.due_users is
'Users whose next_due_at has come, in its order: first those after the position of this task in '
'sweep_positions who were due when its round began, then those up to it, then whoever has become '
'due since. round_until: of the round that the user comes in.';

revoke all on function credits_internal.due_users from public;
