-- Made by pgcredits adopt compat: an insert into the view.

declare
    v_user_id constant uuid := case when new.{user} is not null then {registered} end;
    v_plan text;
    v_user credits.user_credits;
    v_statement text;
begin
    if v_user_id is not null then
        v_user := credits_internal.lock_user(v_user_id, p_create_missing => true);
        perform credits_internal.note_legacy_write(v_user_id, {name}, 'insert');
    elsif row({new_balances}) is distinct from row({zeros}) then
        perform credits_internal.require_user(null);
    end if;

    insert into {table} ({columns})
    overriding system value
    values ({values})
    on conflict do nothing
    returning {key} into new.{key};

    if not found then
        -- The row was there. The statement itself may have said what to do then: it is the first in
        -- the context, or, outside of functions, the query that the client sent.
        get diagnostics v_statement = pg_context;
        v_statement := split_part(v_statement, E'\nPL/pgSQL function', 1);

        if strpos(v_statement, 'SQL statement "') = 0 then
            v_statement := current_query();
        end if;

        if v_statement ~* 'on\s+conflict' then
            return null;
        end if;

        raise exception using
            errcode = 'unique_violation',
            message = format('%s has this row already', {name});
    end if;

    if v_user_id is null then
        return new;
    end if;

    v_plan := {plan};

    if v_plan is not null then
        perform credits_internal.import_plans(
            array[v_user_id],
            array[v_plan],
            array[(select {next_reset} from (select new.*) as t)]
        );
    end if;

    perform credits_internal.open_legacy_balance(
        p_user => v_user,
        p_written_as => {name},
        p_buckets => {opening},
        p_max_rise => {max_rise}
    );

    select t.*
    into new
    from {view} as t
    where t.{key} = new.{key};

    return new;
end
