-- Blank the payloads of callbacks whose generation ended long ago.
--
-- It goes through the generations in the order in which they finished, and remembers how far it has
-- come.

create or replace function credits_internal.purge_payloads(
    p_limit integer,
    p_position credits.purge_positions,
    p_before timestamptz
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $purge_payloads$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_last record;
begin
    with candidates as (
        select
            g.finished_at,
            g.user_id,
            g.generation_id
        from credits.generations as g
        where
            g.finished_at < p_before
            and (g.finished_at, g.user_id, g.generation_id) > (
                coalesce(p_position.purged_to, '-infinity'),
                coalesce(p_position.last_user_id, credits_internal.nil_uuid()),
                coalesce(p_position.last_generation_id, credits_internal.nil_uuid())
            )
        order by
            g.finished_at,
            g.user_id,
            g.generation_id
        limit p_limit
    ),

    payloads as (
        select
            c.finished_at,
            e.user_id,
            e.generation_id,
            e.event_no
        from candidates as c
        inner join credits.generation_events as e
            on
                c.user_id = e.user_id
                and c.generation_id = e.generation_id
        where e.payload <> '{}'
    ),

    free as (
        select
            e.user_id,
            e.generation_id,
            e.event_no
        from payloads as p
        inner join credits.generation_events as e
            on
                p.user_id = e.user_id
                and p.generation_id = e.generation_id
                and p.event_no = e.event_no
        for no key update of e skip locked
    ),

    purged as (
        update credits.generation_events as e
        set
            payload = '{}',
            payload_purged_at = v_now
        from free as f
        where
            e.user_id = f.user_id
            and e.generation_id = f.generation_id
            and e.event_no = f.event_no
    ),

    -- Somebody is just redacting this user: the next run comes back to it.
    held as (
        select
            p.finished_at,
            p.user_id,
            p.generation_id
        from payloads as p
        where
            -- By a hash: a join might compare each with each.
            (p.user_id, p.generation_id, p.event_no) not in (
                select
                    f.user_id,
                    f.generation_id,
                    f.event_no
                from free as f
            )
        order by
            p.finished_at,
            p.user_id,
            p.generation_id
        limit 1
    )

    select
        c.finished_at,
        c.user_id,
        c.generation_id,
        count(*) over () as passed
    into v_last
    from candidates as c
    where
        not exists (
            select
            from held as h
            where
                (h.finished_at, h.user_id, h.generation_id)
                <= (c.finished_at, c.user_id, c.generation_id)
        )
    order by
        c.finished_at desc,
        c.user_id desc,
        c.generation_id desc
    limit 1;

    if not found then
        return 0;
    end if;

    update credits.purge_positions as p
    set
        purged_to = v_last.finished_at,
        last_user_id = v_last.user_id,
        last_generation_id = v_last.generation_id
    where p.history = 'payloads';

    return v_last.passed;
end
$purge_payloads$;

comment on function credits_internal.purge_payloads is
'Blank the payloads of events of generations that finished before this time, from a position on, '
'note how far it has come, and return how many generations it went through, p_limit at most.';

revoke all on function credits_internal.purge_payloads from public;
