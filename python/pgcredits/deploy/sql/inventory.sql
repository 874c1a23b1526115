-- Every object in our schemas as it is now, with its fingerprint.
--
-- One row per object: kind, name, identity, grants, kept_grants, state, fingerprint. The owner of
-- the installation is written as <owner>, so that a dump restored under another owner is the same.
-- Grants to roles that are not ours to read a view or table are kept: listed, not fingerprinted.
-- Printed definitions depend on settings such as search_path, which the deployer pins.

with
ours as (
    select
        n.oid,
        n.nspname,
        n.nspowner,
        n.nspacl
    from pg_catalog.pg_namespace as n
    where n.nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')
),

relations as (
    select c.*
    from pg_catalog.pg_class as c
    inner join ours as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        -- The sequence of an identity column is a part of its table.
        and not exists (
            select from pg_catalog.pg_depend as d
            where
                d.classid = 'pg_catalog.pg_class'::regclass
                and d.objid = c.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.deptype = 'i'
        )
),

columns as (
    select
        a.attrelid,
        string_agg(
            concat_ws(
                ' ',
                quote_ident(a.attname),
                format_type(a.atttypid, a.atttypmod),
                case when a.attcollation <> t.typcollation then a.attcollation::regcollation end,
                case when a.attnotnull then 'not null' end,
                'identity ' || nullif(a.attidentity::text, ''),
                'generated ' || nullif(a.attgenerated::text, ''),
                'default ' || pg_get_expr(v.adbin, v.adrelid)
            ),
            E'\n' order by a.attnum
        ) as definition
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_type as t on a.atttypid = t.oid
    left join pg_catalog.pg_attrdef as v on a.attrelid = v.adrelid and a.attnum = v.adnum
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
),

objects as (
    select
        'schema' as kind,
        quote_ident(n.nspname) as name,
        quote_ident(n.nspname) as identity,
        'pg_catalog.pg_namespace'::regclass as classid,
        n.oid as objid,
        n.nspowner as owner,
        coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl,
        null::text[] as options,
        null::text as definition
    from ours as n

    union all

    select
        case c.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'f' then 'foreign table'
            when 'S' then 'sequence'
            else 'table'
        end as kind,
        c.oid::regclass::text as name,
        c.oid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        c.relowner as owner,
        coalesce(
            c.relacl,
            acldefault(
                case c.relkind when 'S' then 's' else 'r' end::"char",  -- noqa: RF06
                c.relowner
            )
        ) as acl,
        array(
            select o.option
            from unnest(c.reloptions) as o (option)
            -- Settings of autovacuum are the operator's to change.
            where o.option not like '%autovacuum%'
            order by o.option
        )
        || case when c.relpersistence = 'u' then array['unlogged'] end
        || case when c.relrowsecurity then array['row security'] end
        || case when c.relforcerowsecurity then array['forced row security'] end as options,
        concat_ws(
            E'\n',
            l.definition,
            case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
            (
                select
                    concat_ws(
                        ' ',
                        format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin,
                        s.seqmax, s.seqcache, s.seqcycle
                    )
                from pg_catalog.pg_sequence as s
                where s.seqrelid = c.oid
            )
        ) as definition
    from relations as c
    left join columns as l on c.oid = l.attrelid

    union all

    select
        case p.prokind when 'a' then 'aggregate' else 'function' end as kind,
        n.nspname::regnamespace || '.' || quote_ident(p.proname) as name,
        p.oid::regprocedure::text as identity,
        'pg_catalog.pg_proc'::regclass as classid,
        p.oid as objid,
        p.proowner as owner,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
        null::text[] as options,
        case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end as definition
    from pg_catalog.pg_proc as p
    inner join ours as n on p.pronamespace = n.oid

    union all

    select
        'type' as kind,
        t.oid::regtype::text as name,
        t.oid::regtype::text as identity,
        'pg_catalog.pg_type'::regclass as classid,
        t.oid as objid,
        t.typowner as owner,
        coalesce(t.typacl, acldefault('T', t.typowner)) as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            t.typtype,
            l.definition,
            (
                select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                from pg_catalog.pg_enum as e
                where e.enumtypid = t.oid
            ),
            case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
            case when t.typnotnull then 'not null' end,
            'default ' || t.typdefault,
            (
                select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname)
                from pg_catalog.pg_constraint as k
                where k.contypid = t.oid
            ),
            (
                select format_type(r.rngsubtype, null)
                from pg_catalog.pg_range as r
                where r.rngtypid = t.oid
            )
        ) as definition
    from pg_catalog.pg_type as t
    inner join ours as n on t.typnamespace = n.oid
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    left join columns as l on t.typrelid = l.attrelid
    where t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')

    union all

    -- The NOT NULL constraints that PostgreSQL 18 lists are parts of their columns.
    select
        'constraint' as kind,
        format('%I on %s', k.conname, k.conrelid::regclass) as name,
        format('%I on %s', k.conname, k.conrelid::regclass) as identity,
        'pg_catalog.pg_constraint'::regclass as classid,
        k.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        -- A foreign key works by triggers, which can be disabled.
        array(
            select distinct t.tgenabled::text
            from pg_catalog.pg_trigger as t
            where t.tgconstraint = k.oid and t.tgisinternal
            order by t.tgenabled::text
        )
        || case when not k.convalidated then array['not valid'] end as options,
        pg_get_constraintdef(k.oid) as definition
    from pg_catalog.pg_constraint as k
    inner join relations as c on k.conrelid = c.oid
    where k.contype in ('c', 'f', 'p', 'u', 'x')

    union all

    select
        'index' as kind,
        i.indexrelid::regclass::text as name,
        i.indexrelid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        i.indexrelid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        case when not i.indisvalid then array['invalid'] end as options,
        pg_get_indexdef(i.indexrelid) as definition
    from pg_catalog.pg_index as i
    inner join relations as c on i.indrelid = c.oid
    where
        not exists (
            select from pg_catalog.pg_constraint as k
            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
        )

    union all

    -- A trigger that calls a function of ours is a part of that function.
    select
        'trigger' as kind,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as name,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as identity,
        'pg_catalog.pg_trigger'::regclass as classid,
        t.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[t.tgenabled::text] as options,
        pg_get_triggerdef(t.oid) as definition
    from pg_catalog.pg_trigger as t
    inner join relations as c on t.tgrelid = c.oid
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where
        not t.tgisinternal
        and p.pronamespace not in (select n.oid from ours as n)

    union all

    select
        'rule' as kind,
        format('%I on %s', r.rulename, r.ev_class::regclass) as name,
        format('%I on %s', r.rulename, r.ev_class::regclass) as identity,
        'pg_catalog.pg_rewrite'::regclass as classid,
        r.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[r.ev_enabled::text] as options,
        pg_get_ruledef(r.oid) as definition
    from pg_catalog.pg_rewrite as r
    inner join relations as c on r.ev_class = c.oid
    where r.rulename <> '_RETURN'

    union all

    select
        'policy' as kind,
        format('%I on %s', p.polname, p.polrelid::regclass) as name,
        format('%I on %s', p.polname, p.polrelid::regclass) as identity,
        'pg_catalog.pg_policy'::regclass as classid,
        p.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            p.polcmd, p.polpermissive, p.polroles::regrole[],
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        ) as definition
    from pg_catalog.pg_policy as p
    inner join relations as c on p.polrelid = c.oid

    union all

    -- Whatever else can live in a schema: operators, collations, statistics, extensions ...
    select
        i.type as kind,
        i.identity as name,
        i.identity,
        d.classid::regclass as classid,
        d.objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        null::text as definition
    from pg_catalog.pg_depend as d
    inner join ours as n on d.refobjid = n.oid
    cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
    where
        d.refclassid = 'pg_catalog.pg_namespace'::regclass
        and d.deptype = 'n'
        and d.classid not in (
            'pg_catalog.pg_class'::regclass,
            'pg_catalog.pg_proc'::regclass,
            'pg_catalog.pg_type'::regclass
        )
),

states as (
    select
        o.kind,
        o.name,
        o.identity,
        g.grants,
        g.kept_grants,
        jsonb_build_object(
            'definition', encode(sha256(convert_to(o.definition, 'utf8')), 'hex'),
            'owner', case
                when o.owner = w.nspowner then '<owner>'
                else pg_get_userbyid(o.owner)
            end,
            'grants', g.grants,
            'options', coalesce(to_jsonb(o.options), '[]'),
            'comment', (
                select
                    encode(
                        sha256(
                            convert_to(
                                jsonb_agg(
                                    jsonb_build_array(a.attname, d.description)
                                    order by d.objsubid
                                )::text,
                                'utf8'
                            )
                        ),
                        'hex'
                    )
                from pg_catalog.pg_description as d
                left join pg_catalog.pg_attribute as a
                    on
                        d.classoid = 'pg_catalog.pg_class'::regclass
                        and d.objoid = a.attrelid
                        and d.objsubid = a.attnum
                where d.classoid = o.classid and d.objoid = o.objid
            ),
            'triggers', (
                select
                    coalesce(
                        jsonb_agg(
                            pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
                            order by t.tgrelid::regclass::text, t.tgname
                        ),
                        '[]'
                    )
                from pg_catalog.pg_trigger as t
                inner join relations as c on t.tgrelid = c.oid
                where
                    o.classid = 'pg_catalog.pg_proc'::regclass
                    and t.tgfoid = o.objid
                    and not t.tgisinternal
            )
        ) as state
    from objects as o
    left join ours as w on w.nspname = 'credits_deploy'
    cross join lateral (
        select
            coalesce(jsonb_agg(distinct e.entry) filter (where not e.kept), '[]') as grants,
            coalesce(jsonb_agg(distinct e.entry) filter (where e.kept), '[]') as kept_grants
        from (
            select
                lower(x.privilege_type collate "C")  -- noqa: RF02
                || x.of_column
                || ' to '
                || coalesce(quote_ident(r.rolname), 'public')
                || case when x.is_grantable then ' with grant option' else '' end as entry,
                o.kind in ('view', 'table')
                and x.privilege_type = 'SELECT'
                and coalesce(r.rolname, 'public') not in (
                    'public', 'anon', 'authenticated',
                    'credits_app', 'credits_analyst', 'credits_operator'
                ) as kept
            from (
                select
                    b.privilege_type,
                    '' as of_column,
                    b.grantee,
                    b.is_grantable
                from aclexplode(o.acl) as b

                union all

                select
                    b.privilege_type,
                    format(' (%I)', a.attname) as of_column,
                    b.grantee,
                    b.is_grantable
                from pg_catalog.pg_attribute as a
                cross join lateral aclexplode(a.attacl) as b
                where
                    o.classid = 'pg_catalog.pg_class'::regclass
                    and a.attrelid = o.objid
                    and not a.attisdropped
            ) as x
            left join pg_catalog.pg_roles as r on x.grantee = r.oid
            where x.grantee <> o.owner
        ) as e
    ) as g
)

select
    s.kind,
    s.name,
    s.identity,
    s.grants,
    s.kept_grants,
    s.state,
    encode(sha256(convert_to(s.state::text, 'utf8')), 'hex') as fingerprint
from states as s
