-- What operators configure: plans and settings.

create table credits.plans (
    plan text not null,
    monthly_credits bigint not null,
    rollover_max_credits bigint not null default 0,
    constraint plans_pkey primary key (plan),
    constraint plans_plan_not_blank check (btrim(plan) <> ''),
    constraint plans_monthly_credits_in_range check (
        monthly_credits between 0 and 1000000000000
    ),
    constraint plans_rollover_max_credits_in_range check (
        rollover_max_credits between 0 and 1000000000000
    )
);

comment on table credits.plans is
'Subscriptions. The seeds are only examples: edit them.';
comment on column credits.plans.plan is
'Name of the plan, as set_user_plan takes it.';
comment on column credits.plans.monthly_credits is
'Credits granted for each calendar month in the business time zone; they expire at its end.';
comment on column credits.plans.rollover_max_credits is
'How many unused credits of a month live on for one more month; 0 = none.';

insert into credits.plans (plan, monthly_credits)
values
('free', 5),
('plus', 50),
('pro', 200);

create table credits.settings (
    one_row boolean not null default true,
    business_time_zone text not null default 'UTC',
    refund_rate_target_pct numeric not null default 5,
    default_generation_timeout interval not null default interval '1 hour',
    default_low_balance_threshold bigint,
    refund_grace interval not null default interval '7 days',
    notify_alerts boolean not null default true,
    constraint settings_pkey primary key (one_row),
    constraint settings_one_row_only check (one_row),
    -- Converting with an unknown zone raises, so that a typing error is refused here and not at
    -- the next month's end.
    constraint settings_business_time_zone_known check (
        (timestamptz '2000-01-01 00:00+00' at time zone business_time_zone) is not null
    ),
    constraint settings_refund_rate_target_pct_in_range check (
        refund_rate_target_pct between 0 and 100
    ),
    constraint settings_default_generation_timeout_in_range check (
        default_generation_timeout > interval '0'
        and default_generation_timeout <= interval '366 days'
    ),
    constraint settings_default_low_balance_threshold_not_negative check (
        default_low_balance_threshold >= 0
    ),
    constraint settings_refund_grace_an_hour_or_more check (refund_grace >= interval '1 hour')
);

comment on table credits.settings is
'Settings of this installation: exactly one row. Update it; it cannot be deleted.';
comment on column credits.settings.one_row is
'Always true: holds the table to one row.';
comment on column credits.settings.business_time_zone is
'Time zone of days and months in allowances and reports, e.g. Europe/Berlin.';
comment on column credits.settings.refund_rate_target_pct is
'Refunds per hundred finished generations that are still acceptable.';
comment on column credits.settings.default_generation_timeout is
'How long a generation may take where the caller gives no timeout.';
comment on column credits.settings.default_low_balance_threshold is
'Copied to each new user: warn when the balance falls below it; null = never warn.';
comment on column credits.settings.refund_grace is
'The longest that refunded credits live whose own lot expired meanwhile.';
comment on column credits.settings.notify_alerts is
'Whether alerts are also sent with NOTIFY.';

insert into credits.settings default values;

grant select, insert, update, delete on credits.plans, credits.settings to credits_operator;
