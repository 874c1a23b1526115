-- Refund a charge once.

v_credits := credits_internal.{call};
{answer}
