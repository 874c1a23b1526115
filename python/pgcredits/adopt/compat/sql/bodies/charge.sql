-- Charge a user. Where the balance is too low, refuse as the old function did.

begin
    v_done := credits.deduct_user_credits(
        p_user_id => v_user_id,
        p_credits => {amount},
        p_reason => {reason},
        p_idempotency_key => {key},
        p_metadata => {metadata}
    );
exception
    when sqlstate 'PT402' then
        {refused}
end;
{paid}
{answer}
