-- The roles and memberships that are missing, in the order in which to make them.
--
-- One row each: role, statement, whether the current user may run it, whether a deploy needs it.
-- A member that does not inherit the role lacks it, too, where the server can say so in the grant
-- (PostgreSQL 16); a deploy does without.

with
asking as (
    select
        u.rolsuper,
        u.rolsuper or u.rolcreaterole as creates,
        current_setting('server_version_num')::integer >= 160000 as grants_inherit
    from pg_catalog.pg_roles as u
    where u.rolname = current_user
),

wanted_roles as (
    select
        w.role,
        w.place
    from (
        values
        ('credits_app', 1),
        ('credits_analyst', 2),
        ('credits_operator', 3)
    ) as w (role, place)
),

-- service_role is a role of Supabase: it is never created.
wanted_members as (
    select
        w.role,
        w.member,
        w.place
    from (
        values
        ('credits_app', 'credits_operator', 4),
        ('credits_analyst', 'credits_operator', 5),
        ('credits_app', 'service_role', 6)
    ) as w (role, member, place)
    where
        w.member <> 'service_role'
        or exists (
            select from pg_catalog.pg_roles as r
            where r.rolname = 'service_role'
        )
),

missing as (
    select
        w.role,
        w.place,
        format('create role %I nologin', w.role) as statement,
        a.creates as allowed,
        true as is_needed
    from wanted_roles as w
    cross join asking as a
    where
        not exists (
            select from pg_catalog.pg_roles as r
            where r.rolname = w.role
        )

    union all

    select
        w.role,
        w.place,
        format('grant %I to %I', w.role, w.member)
        || case
            when
                a.grants_inherit
                and (not m.rolinherit or pg_catalog.pg_has_role(m.oid, r.oid, 'member'))
                then ' with inherit true'
            else ''
        end as statement,
        -- Since PostgreSQL 16 only an administrator of a role may grant it.
        a.rolsuper
        or (a.creates and (r.oid is null or not a.grants_inherit))
        or coalesce(pg_catalog.pg_has_role(r.oid, 'member with admin option'), false) as allowed,
        not coalesce(pg_catalog.pg_has_role(m.oid, r.oid, 'member'), false) as is_needed
    from wanted_members as w
    cross join asking as a
    left join pg_catalog.pg_roles as r on w.role = r.rolname
    left join pg_catalog.pg_roles as m on w.member = m.rolname
    where
        not coalesce(
            pg_catalog.pg_has_role(
                m.oid, r.oid, case when a.grants_inherit then 'usage' else 'member' end
            ),
            false
        )
)

select
    m.role,
    m.statement,
    m.allowed,
    m.is_needed
from missing as m
order by m.place
