-- Pay what is due, or put it on the list of owed refunds: a payment that fails must not undo the
-- settlement that it belongs to.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.pay_or_owe(
    p_generation credits.generations
)
returns credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_or_owe$
declare
    v_owed bigint;
    v_paid bigint := 0;
    v_sqlstate text;
    v_message text;
begin
    begin
        v_paid := credits_internal.pay_owed(p_generation);
        v_owed := v_paid;
    exception
        when serialization_failure or deadlock_detected then
            raise;
        when others then
            get stacked diagnostics
                v_sqlstate = returned_sqlstate,
                v_message = message_text;
            perform credits_internal.note_refund_failed(p_generation, v_sqlstate, v_message);

            v_owed := p_generation.refund_due_credits - coalesce(
                (
                    select r.refunded
                    from credits.refund_totals as r
                    where
                        r.user_id = p_generation.user_id
                        and r.transaction_id = p_generation.charge_transaction_id
                ),
                0
            );
    end;

    return row(
        p_generation.user_id,
        p_generation.generation_id,
        v_owed,
        v_paid,
        v_message
    )::credits.owed_refund;
end
$pay_or_owe$;

comment on function credits_internal.pay_or_owe is
'Pay what a locked generation owes; where that raises, list it as owed, keep the error as an event '
'and open an alert. Returns what was owed, what was paid, and the error.';

revoke all on function credits_internal.pay_or_owe from public;
