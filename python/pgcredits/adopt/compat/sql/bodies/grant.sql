-- Grant credits.

{choose}
v_done := credits.grant_user_credits(
    p_user_id => v_user_id,
    p_credits => {amount},
    p_source => {source},
    p_expires_at => {expires},
    p_priority => {priority},
    p_reason => {reason},
    p_idempotency_key => {key},
    p_metadata => {metadata}
);
{answer}
