alter table credits.settings
drop constraint settings_refund_grace_a_day_or_more,
add constraint settings_refund_grace_an_hour_or_more check (refund_grace >= interval '1 hour');

alter table credits.user_credits
drop column earlier_plan,
drop column earlier_plan_until;
