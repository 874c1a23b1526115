"""Who may do what: the contract of DESIGN §2 and §5, written down once more."""

from __future__ import annotations

APP, ANALYST, OPERATOR = "credits_app", "credits_analyst", "credits_operator"
ROLES = (APP, ANALYST, OPERATOR)

MONEY = {
    "grant_user_credits",
    "deduct_user_credits",
    "refund_user_credits",
    "get_user_credits",
    "get_user_credits_at",
    "get_user_transactions",
    "set_user_plan",
    "set_low_balance_threshold",
}
# BUSINESS §13.
OWNERS = {"user_id", "register_user"}
GENERATIONS = {
    "start_generation",
    "attach_provider_task",
    "complete_generation",
    "fail_generation",
    "cancel_generation",
    "handle_provider_callback",
    "get_generation",
    "explain_charge",
}
# Of "Money", too, but not for applications.
HANDS_ON = {
    "revoke_user_credits",
    "freeze_user_credits",
    "unfreeze_user_credits",
    "redact_user",
}
OPERATIONS = {
    "sweep_stuck_generations",
    "apply_waiting_callbacks",
    "purge_history",
    "retry_failed_refunds",
    "expire_user_credits",
    "apply_allowances",
    "apply_monthly_allowances",
    "settle_owed_refunds",
    "run_maintenance",
    "raise_alert",
    "acknowledge_alert",
    "resolve_alert",
    "check_alerts",
    "verify_ledger",
    "verify_ledger_part",
    "check_ledger",
}
STATISTICS = {"dashboard_stats"}

FUNCTIONS: dict[str, set[str]] = {
    APP: MONEY | OWNERS | GENERATIONS,
    ANALYST: STATISTICS,
    OPERATOR: MONEY | OWNERS | GENERATIONS | STATISTICS | HANDS_ON | OPERATIONS,
}

EXISTING = MONEY | OWNERS | GENERATIONS | STATISTICS | HANDS_ON | OPERATIONS

CONFIGURATION = {
    "refund_policies",
    "provider_error_codes",
    "provider_prices",
    "plans",
    "alert_rules",
    "settings",
}

SCHEMAS: dict[str, set[str]] = {
    "credits": set(ROLES),
    "credits_internal": set(),
    "credits_monitoring": {ANALYST, OPERATOR},
    "credits_deploy": set(),
}
