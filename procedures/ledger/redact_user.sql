-- Blank what was written about one person; amounts, times and the hash chain stay valid.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.redact_user(
    p_user_id uuid
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $redact_user$
declare
    v_now timestamptz;
    v_redacted bigint;
    v_events bigint;
    v_imported bigint;
begin
    perform credits_internal.require_user(p_user_id);

    -- Somebody may hold an alert locked for long: wait for that before the user is locked, so that
    -- nobody who moves the user's credits waits behind.
    perform
    from credits.system_alerts as a
    where a.user_id = p_user_id
    for no key update;

    perform
    from credits.waiting_alerts as w
    where w.user_id = p_user_id
    for no key update;

    perform credits_internal.lock_user(p_user_id);
    v_now := credits_internal.clock();

    update credits.credit_transactions as t
    set
        reason = null,
        metadata = '{}',
        redacted_at = v_now
    where
        t.user_id = p_user_id
        and t.redacted_at is null
        and (t.reason is not null or t.metadata <> '{}');

    get diagnostics v_redacted = row_count;

    update credits.revocations as r
    set reason = null
    where
        r.user_id = p_user_id
        and r.reason is not null;

    update credits.generations as g
    set
        error_message = null,
        metadata = '{}'
    where
        g.user_id = p_user_id
        and (g.error_message is not null or g.metadata <> '{}');

    update credits.generation_events as e
    set
        message = null,
        payload = '{}',
        dropped = null,
        redacted_at = v_now
    where
        e.user_id = p_user_id
        and e.redacted_at is null
        and (e.message is not null or e.payload <> '{}' or e.dropped is not null);

    get diagnostics v_events = row_count;

    -- Of callbacks whose task nobody has attached nobody can say whose they are.
    update credits.provider_callbacks as c
    set
        message = null,
        payload = null,
        dropped = null
    from credits.provider_tasks as t
    where
        t.user_id = p_user_id
        -- Few tasks have callbacks that wait; an index has those.
        and t.waiting_callbacks > 0
        and c.provider = t.provider
        and c.provider_task_id = t.provider_task_id;

    update credits.system_alerts as a
    set
        message = a.type,
        metadata = '{}'
    where
        a.user_id = p_user_id
        and (a.message <> a.type or a.metadata <> '{}');

    update credits.waiting_alerts as w
    set
        message = w.type,
        metadata = '{}'
    where
        w.user_id = p_user_id
        and (w.message <> w.type or w.metadata <> '{}');

    update credits.imported_history as h
    set
        original = '{}',
        redacted_at = v_now
    where
        h.user_id = p_user_id
        and h.redacted_at is null;

    get diagnostics v_imported = row_count;

    delete from credits.external_users as x
    where x.user_id = p_user_id;

    update credits.user_credits as u
    set
        frozen_reason = null,
        updated_at = v_now
    where u.user_id = p_user_id;

    return v_redacted + v_events + v_imported;
end
$redact_user$;

comment on function credits.redact_user is
'Blank the reasons, metadata, messages and payloads of one user, for good, and return how many '
'rows of the ledger, of the generations'' events and of imported_history were blanked. The id that '
'register_user noted is forgotten. Amounts, times and the hash chain stay valid. Keys, other ids, '
'and the kinds and codes of failures stay: choose ones that say nothing about a person. Errors: '
'PT422 invalid_argument.';

revoke all on function credits.redact_user from public;
grant execute on function credits.redact_user to credits_operator;
