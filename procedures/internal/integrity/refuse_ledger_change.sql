-- Keep the ledger append-only, for its owner, too: the one change let through is redaction.
--
-- Errors: 23001 restrict_violation, DETAIL code append_only.

create or replace function credits_internal.refuse_ledger_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_ledger_change$
declare
    v_redacted credits.credit_transactions;
begin
    if tg_op = 'UPDATE' then
        v_redacted := old;
        v_redacted.reason := null;
        v_redacted.metadata := '{}';
        v_redacted.redacted_at := new.redacted_at;

        if old.redacted_at is null
            and new.redacted_at is not null
            and new is not distinct from v_redacted
        then
            return new;
        end if;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'append_only',
        p_message => format('%I is append-only: %s is refused', tg_table_name, lower(tg_op)),
        p_hint => 'Correct a movement by a further one: refund_user_credits, revoke_user_credits '
            'or grant_user_credits.'
    );

    return null;
end
$refuse_ledger_change$;

comment on function credits_internal.refuse_ledger_change is
'Trigger function: refuses update, delete and truncate of the ledger, but lets redaction through.';

revoke all on function credits_internal.refuse_ledger_change from public;

create or replace trigger refuse_change
before update or delete on credits.credit_transactions
for each row execute function credits_internal.refuse_ledger_change();

create or replace trigger refuse_truncate
before truncate on credits.credit_transactions
for each statement execute function credits_internal.refuse_ledger_change();

-- Also in a session that plays replica (session_replication_role).
alter table credits.credit_transactions enable always trigger refuse_change;
alter table credits.credit_transactions enable always trigger refuse_truncate;
