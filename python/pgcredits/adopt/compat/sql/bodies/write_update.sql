-- Made by pgcredits adopt compat: an update of the view.

declare
    v_user_id constant uuid := (select {user_id} from (select old.*) as t);
    v_seen record;
begin
    if new.{user} is distinct from old.{user} then
        perform credits_internal.refuse_argument(
            {user_name}, new.{user}::text, 'is another user', 'Credits stay with their user.'
        );
    end if;

    -- From here on nobody else moves this user's credits: it locks the user. What others did before
    -- shows in statements that begin later.
    perform credits_internal.note_legacy_write(v_user_id, {name}, 'update');

    if row({new_watched}) is distinct from row({old_watched}) then
        select {seen_buckets}
        into v_seen
        from {view} as t
        where t.{key} = old.{key};

        if row({v_buckets}) is distinct from row({old_buckets}) then
            perform credits_internal.refuse_stale_write({name});
        end if;

        if {is_new_plan} then
            perform credits.set_user_plan(v_user_id, {plan});
        end if;

        perform credits_internal.write_legacy_balance(
            p_user_id => v_user_id,
            p_written_as => {name},
            p_buckets => {buckets},
            p_max_rise => {max_rise},
            p_refund_within => {refund_within},
            p_is_reset => {is_reset},
            p_is_new_plan => {is_new_plan}
        );
    end if;

    update {table} as t
    set {settings}
    where
        t.{key} = old.{key}
        and row({t_columns})::text = row({old_columns})::text;

    if not found then
        perform credits_internal.refuse_stale_write({name});
    end if;

    select t.*
    into new
    from {view} as t
    where t.{key} = new.{key};

    return new;
end
