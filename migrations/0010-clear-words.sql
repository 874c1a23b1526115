-- Say more clearly what the catalog shows of earlier migrations: comments, and seeded descriptions.
--
-- No structure and no figure changes. A description that an operator has edited stays as it is.

-- Types.

comment on type credits.generation_event is
'What happened to a generation. unclassified: a callback with an unknown code; refund_failed: '
'paying its refund raised an error; refund_paid: a refund that was owed has been paid.';
comment on type credits.callback_outcome is
'What a code in a provider''s callback says of the task.';
comment on type credits.fault is
'Whose fault a failure is. Alerts and reports on providers count only the fault of the provider.';
comment on type credits.ledger_violation is
'One violation that verify_ledger found: which kind, whose, what was expected, what is there, and '
'in detail the rule that is broken.';
comment on type credits.alert_level is
'How urgent an alert is, in rising order.';
comment on type credits.alert_check is
'How many alerts of one type check_alerts opened and resolved.';
comment on type credits_internal.alert_condition is
'Something that holds now and calls for an alert. level: null = the level of the type''s rule.';
comment on type credits_internal.imported_task is
'A task of an older system, in our words. import_tasks works out the last three fields.';

-- Configuration.

comment on column credits.plans.rollover_max_credits is
'How many unused credits of one month can be used for one more month; 0 = none.';
comment on column credits.settings.refund_grace is
'The longest life of refunded credits whose own lot has expired meanwhile.';
comment on column credits.settings.history_starts_at is
'When the days and months of the views begin; where a generation is older, they begin with that.';
comment on table credits.refund_policies is
'How much of the price comes back, by kind of failure. The policy that is in force when a '
'generation fails counts. Edit the rows to suit you.';
comment on column credits.refund_policies.error_type is
'Kind of failure, lower case; * = every kind without a row of its own.';
comment on table credits.provider_error_codes is
'What the codes in providers'' callbacks mean. Edit the rows to suit you.';
comment on column credits.provider_error_codes.outcome is
'What the code says of the task.';
comment on column credits.provider_error_codes.error_type is
'Of a failure: its kind, as in refund_policies; a kind without a row there is treated like *.';
comment on table credits.alert_rules is
'When an alert of a type opens, how urgent it is, and how often listeners are told again. Edit the '
'rows to suit you. A type without a row may be raised, too; it is a warning then.';
comment on column credits.alert_rules.enabled is
'Whether alerts of this type are opened at all.';
comment on column credits.alert_rules.level is
'How urgent the alert is when it opens.';
comment on column credits.alert_rules.threshold is
'The alert opens above this figure (of provider_down: from it on); description says what is '
'counted: percent, times, refunds or failures.';
comment on column credits.alert_rules.critical_factor is
'The alert is critical above so many times the threshold; null = it stays at its level.';
comment on column credits.alert_rules.floor_usd is
'Costs up to so many US dollars open no alert.';
comment on column credits.alert_rules.time_window is
'How far back the rule looks, or how long something may last before it opens an alert: see '
'description.';
comment on column credits.alert_rules.min_samples is
'The rule opens no alert while fewer generations than these have finished in its time window.';
comment on column credits.alert_rules.quiet_after is
'The alert is resolved when it was not raised again for so long; null = it is resolved when its '
'cause is gone, or by hand.';
comment on column credits.alert_rules.renotify_after is
'After how long listeners are told again of an open alert that nobody has acknowledged; null = '
'they are told once only.';

-- The ledger.

comment on column credits.user_credits.balance is
'Credits by the ledger. A user can spend these less what remains in expired lots.';
comment on column credits.user_credits.current_lot_remaining is
'Credits that remain in current_lot_id.';
comment on column credits.user_credits.low_balance_threshold is
'Warn when the balance falls below this; null = never warn. Copied from settings when the row is '
'made.';
comment on column credits.user_credits.frozen_at is
'Since when the user may not spend; null = the user may spend.';
comment on column credits.user_credits.has_keyed_revocations is
'Whether some of the user''s idempotency keys stand in revocations only, because a revocation that '
'recovered nothing has no ledger row.';
comment on table credits.credit_lots is
'Where a user''s credits came from. Spent by priority, then soonest expiry, then free before paid, '
'then oldest. What is in an expired lot cannot be spent, even before its expiry is written.';
comment on column credits.credit_lots.user_id is
'The user whose credits these are.';
comment on column credits.credit_lots.renewable_until is
'Of a refund lot: the latest expiry of credits that are taken from it and refunded again, so that '
'charging and refunding in turn does not keep credits alive for ever.';
comment on column credits.credit_lots.revoked_owed is
'Credits that revocations still have to take: they come out of later refunds to this lot, or to '
'lots descended from it.';
comment on column credits.credit_lots.priority is
'Lots with a lower priority are spent first.';
comment on column credits.credit_lots.depleted is
'Whether remaining is 0.';
comment on column credits.credit_transactions.requested_credits is
'The amount as the caller gave it; null = the caller gave none.';
comment on column credits.credit_transactions.balance_after is
'The user''s balance after this row.';
comment on column credits.credit_transactions.idempotency_key is
'The caller''s key; null = none. A second call of the user under this key gets this row''s answer '
'again.';
comment on table credits.refund_totals is
'How much of a deduction was given back. Its first refund makes the row; a CHECK keeps refunds '
'from exceeding the charge.';
comment on column credits.refund_totals.user_id is
'The user who was charged.';
comment on column credits.refund_totals.transaction_id is
'The ledger row of the deduction.';
comment on column credits.refund_totals.charged is
'Credits that the deduction took.';
comment on table credits.revocations is
'Grants that were taken back (chargeback, fraud): a row also where nothing could be recovered.';
comment on column credits.revocations.user_id is
'The user whose grant is taken back.';
comment on column credits.revocations.credits is
'Credits that this revocation takes back in all: those recovered and those owed.';
comment on column credits.revocations.recovered_credits is
'Credits recovered so far, including those taken from later refunds.';
comment on column credits.revocations.owed_credits is
'Credits that were not there to be taken: later refunds to the lot, or to lots descended from it, '
'pay them.';
comment on column credits.revocations.transaction_id is
'Ledger row of what was recovered at once; null = nothing was recovered at once.';
comment on column credits.revocations.created_at is
'When the revocation was called.';
comment on column credits.ledger_checks.user_id is
'The user whose ledger was verified.';
comment on column credits.ledger_checks.violations is
'How many violations verify_ledger returned; 0 = healthy.';

-- Generations.

comment on column credits.generations.refund_due_credits is
'Credits of these that the user is to get back, fixed when the generation finished; 0 while in '
'flight. Only a failure after a cancellation and a lower final price raise it, nothing lowers it.';
comment on column credits.generations.submitted_at is
'When the provider took the task; null = it has not, as far as is known.';
comment on column credits.generations.refund_owed_since is
'Since when a refund is owed because paying it raised an error; null = no refund is owed.';
comment on column credits.generations.refund_tried_at is
'When paying the owed refund was last tried: the sweeps begin with the one tried longest ago.';
comment on column credits.generations.last_event_no is
'event_no of the generation''s latest row in generation_events.';
comment on column credits.generations.status is
'Where the generation stands.';
comment on column credits.generations.owed_review is
'Whether a person has to look at the owed refund before it is paid: only settle_owed_refunds pays '
'it then.';
comment on column credits.generations.error_type is
'Of a generation that did not succeed: the kind of failure, by which refund_policies decided.';
comment on table credits.generation_events is
'Everything that was reported about generations, applied or not: append-only.';
comment on column credits.generation_events.user_id is
'The user whose generation it is.';
comment on column credits.generation_events.generation_id is
'The generation that the event is about.';
comment on column credits.generation_events.event_no is
'Position in the generation''s events: 1, 2, 3 without gaps.';
comment on column credits.generation_events.status_before is
'The generation''s status just before the event; null = the event started the generation.';
comment on column credits.generation_events.applied is
'Whether the event changed the generation''s status or what is due to the user.';
comment on column credits.generation_events.is_callback is
'Whether the event came as a provider''s callback.';
comment on column credits.generation_events.credits is
'Of started: the price; of success: the final price as given; of refund_paid: the credits given '
'back.';
comment on column credits.generation_events.cost_usd is
'US dollars that the provider''s work cost, as reported.';
comment on column credits.generation_events.code is
'The provider''s code; of submitted: the provider''s id of the task; of refund_failed: the '
'SQLSTATE.';
comment on column credits.generation_events.message is
'What the caller or the provider said. Hostile input: show it as text.';
comment on column credits.generation_events.payload is
'The JSON that came with the report.';
comment on column credits.provider_tasks.provider_task_id is
'The provider''s id of the task.';
comment on column credits.provider_tasks.user_id is
'The user whose generation it is.';
comment on column credits.provider_tasks.generation_id is
'The generation that the task belongs to.';
comment on table credits.provider_callbacks is
'Callbacks for tasks that nobody has attached yet. When a task is attached, its callbacks are '
'applied and removed from here.';
comment on column credits.provider_callbacks.provider_task_id is
'The provider''s id of the task.';
comment on column credits.provider_callbacks.callback_id is
'Id of this callback: a uuid v7.';
comment on column credits.provider_callbacks.received_at is
'When the callback came.';
comment on column credits.provider_callbacks.cost_usd is
'US dollars that the provider''s work cost, as the callback said.';
comment on column credits.provider_callbacks.payload is
'The JSON that came with the callback.';

-- Alerts.

comment on table credits.system_alerts is
'What operators have to know, open and resolved alerts. At most one is open for a user, type and '
'dedup_key.';
comment on column credits.system_alerts.level is
'How urgent the alert is; the highest level that was raised.';
comment on column credits.system_alerts.occurrences is
'How often the alert was raised while open.';
comment on column credits.system_alerts.created_at is
'When the alert was opened.';
comment on column credits.system_alerts.first_seen_at is
'When the alert was first raised.';
comment on column credits.system_alerts.last_seen_at is
'When the alert was last raised.';
comment on column credits.system_alerts.notified_at is
'When listeners were last told that the alert is open, because it was opened, had escalated or was '
'due again. Set even while settings.notify_alerts is off.';
comment on column credits.system_alerts.acknowledged_at is
'When somebody acknowledged the alert; null = nobody has.';
comment on column credits.system_alerts.dedup_key is
'Tells the alert from others of its user and type: a generation''s id, a provider, or empty.';
comment on column credits.system_alerts.acknowledged_by is
'Who acknowledged the alert.';
comment on column credits.system_alerts.resolved_by is
'Who or what resolved the alert; pgcredits = its cause was gone.';
comment on column credits.system_alerts.metadata is
'Figures and circumstances of the alert, as a JSON object.';

-- Adoption.

comment on column credits.imported_tables.role is
'What the table was read as: balances, history, refunds or tasks.';
comment on column credits.imported_tables.read_as is
'Fingerprint of what the plan said of the table: where that changes, a history is copied again, '
'and balances are refused.';
comment on column credits.imported_tables.rows_copied is
'How many rows of the table were copied.';
comment on column credits.imported_tables.copied_to is
'Key of the last row copied, since rows are copied in the order of their keys; null = none yet.';
comment on column credits.imported_tables.changes_from is
'A transaction id: rows written by that transaction or a later one may have changed since they '
'were copied.';
comment on column credits.imported_tables.closed_at is
'When the table was cut over, since when nothing may be written to it; null = not yet.';
comment on column credits.imported_history.user_id is
'The user; the nil uuid = the old row named nobody.';
comment on column credits.imported_history.kind is
'What the old row did to the balance.';
comment on column credits.imported_history.credits is
'By how much the old row moved the balance, with its sign; null = it does not say.';
comment on column credits.imported_history.cost_usd is
'US dollars that the work cost, by the old row; null = it does not say.';
comment on column credits.imported_history.reference is
'The task, payment or request that the old row says it belongs to.';
comment on table credits.imported_balances is
'The last balances of an older system, and the grants that brought them over.';
comment on column credits.imported_balances.user_id is
'The user.';
comment on column credits.imported_balances.bucket is
'The column of the old table that held the balance.';
comment on column credits.imported_balances.imported_at is
'When the balance was brought over.';
comment on column credits.imported_balances.granted is
'Credits that were granted here for it.';
comment on column credits.imported_balances.priority is
'Priority of the lot that was made: lower is spent first.';
comment on column credits.imported_balances.transaction_id is
'The grant that brought these credits over; null = there was nothing to bring.';

-- Descriptions of the rules, where they still are what migration 0007 wrote.

update credits.alert_rules as r
set description = d.clearer
from (
    values
    (
        'refund_overdue',
        'Refunds, not under review, are owed for longer than time_window.',
        'Refunds that are not under review have been owed for longer than time_window.'
    ),
    (
        'refund_rate_high',
        'More than threshold percent (null = settings.refund_rate_target_pct) of what finished '
        'within time_window came back.',
        'More than threshold percent (null = settings.refund_rate_target_pct) of the generations '
        'that finished within time_window were refunded.'
    ),
    (
        'provider_failure_rate',
        'More than threshold percent of what one provider finished within time_window failed by '
        'its own fault.',
        'More than threshold percent of the generations that finished at one provider within '
        'time_window failed by its own fault.'
    ),
    (
        'provider_down',
        'The last generations of one provider within time_window, threshold of them at least, '
        'failed by its own fault.',
        'The last generations of one provider, at least threshold of them within time_window, '
        'failed in a row by its own fault.'
    ),
    (
        'absorbed_cost_high',
        'What providers billed today for what was given back is above floor_usd, and above '
        'threshold times the median of the days of time_window before.',
        'Today providers billed more for generations that were given back than floor_usd, and more '
        'than threshold times the median of the days of time_window before.'
    ),
    (
        'maintenance_failed',
        'A sweep could not serve a user.',
        'A maintenance task could not serve a user; it went on with the others.'
    ),
    (
        'conflicting_failure',
        'A failure was reported of a generation that had succeeded.',
        'A failure was reported for a generation that had succeeded.'
    ),
    (
        'price_above_charge',
        'A final price was above the charge.',
        'A generation''s final price was above its charge; it stays at the charge.'
    )
) as d (type, seeded, clearer)
where
    r.type = d.type
    and r.description = d.seeded;
