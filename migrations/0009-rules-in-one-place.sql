-- The judgement of an event as one value, and which alerts check_alerts judges as a column.

create type credits_internal.event_judgement as (
    status text,
    due_credits bigint,
    cost_usd numeric,
    provider_billed boolean,
    is_applied boolean,
    is_replayed boolean,
    is_kept boolean,
    alert text,
    alerts_only_if_refunded boolean
);
comment on type credits_internal.event_judgement is
'What an event makes of a generation: its status, what is due, its cost and whether the provider '
'bills it, as they are afterwards; whether it is applied, only repeats an earlier one, and is kept '
'as an event; and the alert that it calls for, always, or only where something came back or is '
'due.';

create table credits.alert_types (
    type text not null,
    is_judged boolean not null,
    constraint alert_types_pkey primary key (type)
);

comment on table credits.alert_types is
'The types of alert that pgcredits itself opens. Not for editing: what operators may choose is in '
'alert_rules, whose rows they may delete and insert again.';
comment on column credits.alert_types.type is
'The type of the alert.';
comment on column credits.alert_types.is_judged is
'Whether check_alerts opens it while its condition holds, and resolves it once it does not. All '
'others are opened and resolved by events; of these, check_alerts raises refund_failed to '
'critical.';

insert into credits.alert_types (type, is_judged)
values
('refund_failed', false),
('refund_overdue', true),
('refund_rate_high', true),
('provider_failure_rate', true),
('provider_down', true),
('provider_out_of_credits', true),
('generation_stuck', true),
('absorbed_cost_high', true),
('repeated_refunds', true),
('ledger_violation', true),
('maintenance_failed', false),
('late_success_after_refund', false),
('conflicting_failure', false),
('callback_unmatched', true),
('callback_unclassified', false),
('price_above_charge', false),
('low_balance', false);
