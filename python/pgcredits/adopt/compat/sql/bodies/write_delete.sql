-- Made by pgcredits adopt compat: a delete from the view. The old row goes; the ledger stays.

begin
    perform credits_internal.note_legacy_write(
        (select {user_id} from (select old.*) as t), {name}, 'delete'
    );

    delete from {table} as t
    where t.{key} = old.{key};

    return old;
end
