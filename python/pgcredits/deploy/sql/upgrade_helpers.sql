-- What the script of `pgcredits sql --from` calls, gone at its end. Within one transaction:
-- pg_temp.before_upgrade is the inventory of before, with a mark for what was dropped since.

-- Drop a function or view, and those of ours that depend on it: they are made again.
create procedure pg_temp.drop_definition(p_kind text, p_identity text)
language plpgsql
as $drop_definition$
declare
    v_dependant record;
begin
    -- It may be gone with an object that it depended on.
    if p_kind = 'view' and to_regclass(p_identity) is null then
        return;
    elsif p_kind = 'function' and to_regprocedure(p_identity) is null then
        return;
    end if;

    for v_dependant in
        select
            d.kind,
            d.identity,
            exists (
                select from credits_deploy.manifest as m
                where m.kind = d.kind and m.identity = d.identity and m.file is not null
            ) as is_ours
        from pg_temp.dependants(p_kind, p_identity) as d
    loop
        if not v_dependant.is_ours then
            raise exception using
                errcode = 'dependent_objects_still_exist',
                message = format(
                    '%s %s is not pgcredits'', and needs %s %s, which must be dropped',
                    v_dependant.kind,
                    v_dependant.identity,
                    p_kind,
                    p_identity
                ),
                hint = 'Drop it, upgrade, and make it again.';
        end if;

        call pg_temp.drop_definition(v_dependant.kind, v_dependant.identity);
    end loop;

    update pg_temp.before_upgrade as b
    set is_dropped = true
    where b.kind = p_kind and b.identity = p_identity;

    execute format(
        'drop %s %s', case p_kind when 'view' then 'view' else 'routine' end, p_identity
    );
end
$drop_definition$;

-- Run a file, over the object that is there, with the grants of the file and no other.
create procedure pg_temp.replace_definition(p_kind text, p_name text, p_file text)
language plpgsql
as $replace_definition$
declare
    v_old record;
    v_word text := case p_kind when 'view' then 'view' else 'routine' end;
    v_entry text;
begin
    for v_old in
        select
            b.identity,
            b.grants,
            b.state ->> 'owner' as owner,
            exists (
                select from credits_deploy.manifest as m
                where m.kind = b.kind and m.identity = b.identity
            ) as is_ours
        from pg_temp.before_upgrade as b
        where b.kind = p_kind and b.name = p_name and not b.is_dropped
    loop
        if not v_old.is_ours then
            raise exception using
                message = format('%s %s stands in the way', p_kind, v_old.identity),
                hint = 'pgcredits did not make it: rename or drop it, then upgrade.';
        end if;

        -- "create or replace" would leave grants and owner as they are.
        for v_entry in select e.entry from jsonb_array_elements_text(v_old.grants) as e (entry) loop
            execute format(
                'revoke %s on %s %s from %s cascade',
                split_part(v_entry, ' to ', 1),
                case p_kind when 'view' then 'table' else 'routine' end,
                v_old.identity,
                regexp_replace(split_part(v_entry, ' to ', 2), ' with grant option$', '')
            );
        end loop;

        if v_old.owner <> '<owner>' then
            execute format('alter %s %s owner to current_user', v_word, v_old.identity);
        end if;
    end loop;

    begin
        execute p_file;

        if
            (
                select count(*) > 1
                from pg_catalog.pg_proc as p
                where
                    p_kind = 'function'
                    and p.pronamespace::regnamespace || '.' || p.proname = p_name
            )
        then
            raise ambiguous_function;
        end if;
    exception
        -- Its columns, its result or its arguments have changed: it cannot be replaced in place.
        when invalid_table_definition or invalid_function_definition or ambiguous_function then
            for v_old in
                select b.identity
                from pg_temp.before_upgrade as b
                where b.kind = p_kind and b.name = p_name and not b.is_dropped
            loop
                call pg_temp.drop_definition(p_kind, v_old.identity);
            end loop;

            execute p_file;
    end;
end
$replace_definition$;

-- Drop the functions and views whose files are gone.
create procedure pg_temp.drop_all_but(p_names text[])
language plpgsql
as $drop_all_but$
declare
    v_gone record;
begin
    for v_gone in
        select
            m.kind,
            m.identity
        from credits_deploy.manifest as m
        where m.file is not null and m.kind <> 'migration' and m.name <> all(p_names)
    loop
        call pg_temp.drop_definition(v_gone.kind, v_gone.identity);
    end loop;
end
$drop_all_but$;

-- Drop the triggers that call functions of ours: the functions' files make them again.
create procedure pg_temp.drop_triggers()
language plpgsql
as $drop_triggers$
declare
    v_statement text;
begin
    for v_statement in
        select format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
        from pg_catalog.pg_trigger as t
        inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
        where
            not t.tgisinternal
            and c.relnamespace::regnamespace::text ~ '^credits(_internal|_monitoring|_deploy)?$'
            and t.tgfoid in (
                select to_regprocedure(m.identity)
                from credits_deploy.manifest as m
                where m.kind = 'function' and m.file is not null
            )
    loop
        execute v_statement;
    end loop;
end
$drop_triggers$;

-- Let those read a view that was dropped and made again who could read it before.
create procedure pg_temp.restore_grants()
language plpgsql
as $restore_grants$
declare
    v_kept record;
begin
    for v_kept in
        select
            b.identity,
            e.entry
        from pg_temp.before_upgrade as b
        cross join lateral jsonb_array_elements_text(b.kept_grants) as e (entry)
        where
            b.is_dropped
            and case b.kind when 'view' then to_regclass(b.identity) is not null else false end
    loop
        begin
            execute format(
                'grant %s on %s to %s',
                split_part(v_kept.entry, ' to ', 1),
                v_kept.identity,
                split_part(v_kept.entry, ' to ', 2)
            );
        exception
            when undefined_column then
                raise warning 'lost: % on %', v_kept.entry, v_kept.identity;
        end;
    end loop;
end
$restore_grants$;
