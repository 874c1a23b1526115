-- Keep a table append-only, for its owner, too: what is let through is blanking, with a mark.
--
-- A trigger names each column that marks a blanking, with what that leaves in the columns that it
-- blanks (JSON), and the hint for whoever is refused.
--
-- Errors: 23001 restrict_violation, DETAIL code append_only.

create or replace function credits_internal.refuse_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_change$
declare
    v_old jsonb;
    v_new jsonb;
begin
    if tg_op = 'UPDATE' then
        v_old := to_jsonb(old);
        v_new := to_jsonb(new);

        if exists (
            select
            from jsonb_each(tg_argv[0]::jsonb) as b (mark, blanked)
            where
                v_old ->> b.mark is null
                and v_new ->> b.mark is not null
                and v_new = v_old || b.blanked || jsonb_build_object(b.mark, v_new -> b.mark)
        ) then
            return new;
        end if;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'append_only',
        p_message => format(
            '%I is append-only: %s is refused', tg_table_name, credits_internal.lower_case(tg_op)
        ),
        p_hint => tg_argv[1]
    );

    return null;
end
$refuse_change$;

comment on function credits_internal.refuse_change is
'Trigger function of append-only tables: refuses update, delete and truncate, but lets blanking '
'through where it is marked.';

revoke all on function credits_internal.refuse_change from public;

create or replace trigger refuse_change
before update or delete on credits.credit_transactions
for each row execute function credits_internal.refuse_change(
    '{"redacted_at": {"reason": null, "metadata": {}}}',
    'Correct a movement by a further one: refund_user_credits, revoke_user_credits or '
    'grant_user_credits.'
);

create or replace trigger refuse_truncate
before truncate on credits.credit_transactions
for each statement execute function credits_internal.refuse_change(
    '{}',
    'Correct a movement by a further one: refund_user_credits, revoke_user_credits or '
    'grant_user_credits.'
);

create or replace trigger refuse_change
before update or delete on credits.generation_events
for each row execute function credits_internal.refuse_change(
    '{"redacted_at": {"message": null, "payload": {}, "dropped": null},'
    ' "payload_purged_at": {"payload": {}}}',
    'Report what happened with complete_generation, fail_generation or cancel_generation.'
);

create or replace trigger refuse_truncate
before truncate on credits.generation_events
for each statement execute function credits_internal.refuse_change(
    '{}',
    'Report what happened with complete_generation, fail_generation or cancel_generation.'
);

-- Fires also under session_replication_role = replica.
alter table credits.credit_transactions enable always trigger refuse_change;
alter table credits.credit_transactions enable always trigger refuse_truncate;
alter table credits.generation_events enable always trigger refuse_change;
alter table credits.generation_events enable always trigger refuse_truncate;
