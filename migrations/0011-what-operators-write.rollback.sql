-- What was moved within the bounds, or written anew, stays as it is.

comment on column credits.provider_error_codes.code is
'The code, as handle_provider_callback is given it.';

alter table credits.provider_prices
drop constraint provider_prices_generation_type_normal,
add constraint provider_prices_generation_type_normal check (
    generation_type = btrim(generation_type)
),
drop constraint provider_prices_provider_normal,
add constraint provider_prices_provider_normal check (provider = lower(btrim(provider)));

alter table credits.provider_error_codes
drop constraint provider_error_codes_error_type_normal,
add constraint provider_error_codes_error_type_normal check (
    error_type = lower(btrim(error_type))
),
drop constraint provider_error_codes_code_normal,
add constraint provider_error_codes_code_normal check (code = btrim(code)),
drop constraint provider_error_codes_provider_normal,
add constraint provider_error_codes_provider_normal check (provider = lower(btrim(provider)));

alter table credits.refund_policies
drop constraint refund_policies_error_type_normal,
add constraint refund_policies_error_type_normal check (error_type = lower(btrim(error_type)));

alter table credits.alert_rules
drop constraint alert_rules_renotify_after_no_negative_part,
drop constraint alert_rules_renotify_after_in_range,
add constraint alert_rules_renotify_after_positive check (renotify_after > interval '0'),
drop constraint alert_rules_quiet_after_no_negative_part,
drop constraint alert_rules_quiet_after_in_range,
add constraint alert_rules_quiet_after_positive check (quiet_after > interval '0'),
drop constraint alert_rules_time_window_no_negative_part,
drop constraint alert_rules_floor_usd_in_range,
add constraint alert_rules_floor_usd_not_negative check (floor_usd >= 0),
drop constraint alert_rules_critical_factor_in_range,
add constraint alert_rules_critical_factor_one_or_more check (critical_factor >= 1),
drop constraint alert_rules_threshold_in_range,
add constraint alert_rules_threshold_not_negative check (threshold >= 0);

alter table credits.settings
drop constraint settings_default_generation_timeout_no_negative_part,
drop constraint settings_refund_grace_no_negative_part,
drop constraint settings_refund_grace_a_century_or_less,
drop constraint settings_history_starts_at_in_range,
drop constraint settings_default_low_balance_threshold_in_range,
add constraint settings_default_low_balance_threshold_not_negative check (
    default_low_balance_threshold >= 0
);
