-- The life of a generation: what each event does in each status. The one place where it is written.
--
-- next_status: the generation's status once the event is applied.
-- outcome: applied = the event takes effect; raises = it takes effect if more becomes due, else it
-- is a replay; names task = it takes effect if it brings the provider's id, which was missing, else
-- it is a replay; replay = it repeats what is known; ignored = it is kept and changes nothing.
-- due: price = the charge less the final price; policy = by refund_policies. due_in_full_for: the
-- kind of failure for which the whole charge is due, whatever the policy says, since the provider
-- has not begun.
-- books: reported = the cost, and whether the provider bills it, replace what was known; missing =
-- they only complete it, as every replay does. is_late_success: a success reported after the
-- generation was settled as failed, timed out or cancelled; the provider bills it.
-- alert: the type to open, unless the event is a replay; alerts_only_if_refunded: only where
-- something came back or is due though a success was reported, whichever came first.
--
-- All words are text: a new word of an enumeration cannot be used in the transaction that adds it.
-- Inlined by the planner.

create or replace function credits_internal.generation_life()
returns table (
    status text,
    event text,
    next_status text,
    outcome text,
    due text,
    due_in_full_for text,
    books text,
    is_late_success boolean,
    alert text,
    alerts_only_if_refunded boolean,
    description text
)
language sql
stable
parallel safe
security invoker
as $generation_life$
    -- The casts in the first row type all rows, so that nothing is converted at run time. Rows are
    -- searched in order: the four that nearly every generation meets come first.
    values
        (
            'pending', 'submitted', 'processing', 'applied',
            null::text, null::text, 'reported', false, null::text, false,
            '-> processing'
        ),
        (
            'processing', 'success', 'succeeded', 'applied',
            'price', null, 'reported', false, null, false,
            '-> succeeded, settle'
        ),
        (
            'processing', 'failure', 'failed', 'applied',
            'policy', null, 'reported', false, null, false,
            '-> failed, settle by policy'
        ),
        (
            'processing', 'progress', 'processing', 'ignored',
            null, null, null, false, null, false,
            'event only'
        ),
        (
            'pending', 'progress', 'processing', 'applied',
            null, null, 'reported', false, null, false,
            '-> processing'
        ),
        (
            'pending', 'success', 'succeeded', 'applied',
            'price', null, 'reported', false, null, false,
            '-> succeeded, settle'
        ),
        (
            'pending', 'failure', 'failed', 'applied',
            'policy', 'user_cancelled', 'reported', false, null, false,
            '-> failed, settle by policy'
        ),
        (
            'pending', 'cancel', 'cancelled', 'applied',
            'policy', 'user_cancelled', 'reported', false, null, false,
            '-> cancelled, 100 %'
        ),
        (
            'pending', 'deadline', 'timed_out', 'applied',
            'policy', null, 'reported', false, null, false,
            '-> timed_out, by `timeout`'
        ),
        (
            'processing', 'submitted', 'processing', 'names task',
            null, null, 'missing', false, null, false,
            'same id: replay; other id: PT409'
        ),
        (
            'processing', 'cancel', 'cancelled', 'applied',
            'policy', null, 'reported', false, null, false,
            '-> cancelled, by `user_cancelled`'
        ),
        (
            'processing', 'deadline', 'timed_out', 'applied',
            'policy', null, 'reported', false, null, false,
            '-> timed_out, by `timeout`'
        ),
        (
            'succeeded', 'submitted', 'succeeded', 'ignored',
            null, null, null, false, null, false,
            'mapping stored, not applied'
        ),
        (
            'succeeded', 'progress', 'succeeded', 'ignored',
            null, null, null, false, null, false,
            'event only'
        ),
        (
            'succeeded', 'success', 'succeeded', 'raises',
            'price', null, 'reported', false, null, false,
            'lower final price: difference back (applied); else replay'
        ),
        (
            'succeeded', 'failure', 'succeeded', 'ignored',
            null, null, null, false, 'conflicting_failure', false,
            'not applied; alert `conflicting_failure`'
        ),
        (
            'succeeded', 'cancel', 'succeeded', 'ignored',
            null, null, null, false, null, false,
            'not applied'
        ),
        (
            'failed', 'submitted', 'failed', 'ignored',
            null, null, null, false, null, false,
            'mapping stored, not applied'
        ),
        (
            'failed', 'progress', 'failed', 'ignored',
            null, null, null, false, null, false,
            'event only'
        ),
        (
            'failed', 'success', 'failed', 'ignored',
            null, null, 'reported', true, 'late_success_after_refund', false,
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        (
            'failed', 'failure', 'failed', 'replay',
            null, null, 'missing', false, null, false,
            'replay'
        ),
        (
            'failed', 'cancel', 'failed', 'ignored',
            null, null, null, false, null, false,
            'not applied'
        ),
        (
            'timed_out', 'submitted', 'timed_out', 'ignored',
            null, null, null, false, null, false,
            'mapping stored, not applied'
        ),
        (
            'timed_out', 'progress', 'timed_out', 'ignored',
            null, null, null, false, null, false,
            'event only'
        ),
        (
            'timed_out', 'success', 'timed_out', 'ignored',
            null, null, 'reported', true, 'late_success_after_refund', false,
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        (
            'timed_out', 'failure', 'timed_out', 'replay',
            null, null, 'missing', false, null, false,
            'replay'
        ),
        (
            'timed_out', 'cancel', 'timed_out', 'ignored',
            null, null, null, false, null, false,
            'not applied'
        ),
        (
            'cancelled', 'submitted', 'cancelled', 'ignored',
            null, null, null, false, null, false,
            'mapping stored, not applied'
        ),
        (
            'cancelled', 'progress', 'cancelled', 'ignored',
            null, null, null, false, null, false,
            'event only'
        ),
        (
            'cancelled', 'success', 'cancelled', 'ignored',
            null, null, 'reported', true, 'late_success_after_refund', true,
            'not applied; cost booked; alert if refunded'
        ),
        (
            'cancelled', 'failure', 'cancelled', 'raises',
            'policy', null, 'reported', false, 'late_success_after_refund', true,
            'more due by the failure''s policy: the difference back, its error replaces '
            '`user_cancelled` (applied), alert after a success; else replay'
        ),
        (
            'cancelled', 'cancel', 'cancelled', 'replay',
            null, null, 'missing', false, null, false,
            'replay'
        )
$generation_life$;

comment on function credits_internal.generation_life is
'What each event does to a generation in each status; nothing is listed for a deadline that passes '
'once it has finished.';

revoke all on function credits_internal.generation_life from public;
