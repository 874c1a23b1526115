-- Refuse writes to a table of an older system after the cut-over.
--
-- Deletes by the cascade of a foreign key pass: whoever may delete a user still may.
--
-- Errors: PT410 moved_to_pgcredits.

create or replace function credits_internal.refuse_legacy_write()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_legacy_write$
begin
    -- The cascade of a foreign key is a trigger itself: a delete inside a trigger passes.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return null;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT410',
        p_code => 'moved_to_pgcredits',
        p_message => format(
            '%I.%I is closed: credits are kept by pgcredits', tg_table_schema, tg_table_name
        ),
        p_hint => 'Call the functions of schema credits, or those that pgcredits adopt compat '
            'makes under the old names.',
        p_figures => jsonb_build_object(
            'table', format('%I.%I', tg_table_schema, tg_table_name),
            'operation', credits_internal.lower_case(tg_op)
        )
    );

    return null;
end
$refuse_legacy_write$;

comment on function credits_internal.refuse_legacy_write is
'Trigger function of tables that were cut over: refuses every write but deletes by a cascade.';

revoke all on function credits_internal.refuse_legacy_write from public;
