-- Count a write by an old name, and let one alert for each application say that it still writes a
-- table.
--
-- The user is locked first, as by everything that moves credits. Counts are kept for each user
-- apart, and an alert that is open is only read: nobody waits here for anybody else.

create or replace function credits_internal.note_legacy_write(
    p_user_id uuid,
    p_written_as text,
    p_statement text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_legacy_write$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_writer record;
    v_key text;
begin
    if p_user_id is null then
        return;
    end if;

    perform credits_internal.lock_user(p_user_id);

    select
        w.application,
        w.role_name
    into v_writer
    from credits_internal.legacy_writer() as w;

    insert into credits.legacy_writes as w (
        user_id,
        writes,
        first_written_at,
        last_written_at,
        application,
        role_name,
        written_as,
        statement
    )
    values (
        p_user_id,
        1,
        v_now,
        v_now,
        v_writer.application,
        v_writer.role_name,
        p_written_as,
        p_statement
    )
    on conflict (user_id, application, role_name, written_as, statement) do update
    set
        writes = w.writes + 1,
        last_written_at = excluded.last_written_at;

    -- Calls are counted only: an old function was made anew for as long as it is called.
    if p_statement = 'call' then
        return;
    end if;

    v_key := left(format('%s: %s', v_writer.application, p_written_as), 200);

    if exists (
        select
        from credits.system_alerts as a
        where
            a.user_id = credits_internal.nil_uuid()
            and a.type = 'legacy_write'
            and a.dedup_key = v_key
            and a.resolved_at is null
        union all
        select
        from credits.waiting_alerts as w
        where
            w.user_id = credits_internal.nil_uuid()
            and w.type = 'legacy_write'
            and w.dedup_key = v_key
    ) then
        return;
    end if;

    perform credits_internal.open_alert(
        p_user_id => credits_internal.nil_uuid(),
        p_type => 'legacy_write',
        p_level => 'info',
        p_dedup_key => v_key,
        p_message => format(
            '%s (role %s) still writes by the old name %s',
            v_writer.application,
            v_writer.role_name,
            p_written_as
        ),
        p_metadata => jsonb_build_object(
            'application', v_writer.application,
            'role', v_writer.role_name,
            'written_as', p_written_as,
            'statement', p_statement
        )
    );
end
$note_legacy_write$;

comment on function credits_internal.note_legacy_write is
'Count a write by an old name in credits.legacy_writes, and open an alert legacy_write that names '
'the application, where none is open and it was no call of a function. Nothing happens where the '
'user is null.';

revoke all on function credits_internal.note_legacy_write from public;
