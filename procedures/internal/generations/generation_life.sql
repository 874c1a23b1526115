-- The life of a generation: what each event does in each status. The one place where it is written.
--
-- outcome: applied = it happens; raises = it happens where more becomes due, else it is a replay;
-- replay = the same again; ignored = it is kept as an event and changes nothing. due: price = the
-- charge less the final price; policy = by refund_policies. Inlined by the planner.

create or replace function credits_internal.generation_life()
returns table (
    status credits.generation_status,
    event credits.generation_event,
    next_status credits.generation_status,
    outcome text,
    due text,
    alert text,
    description text
)
language sql
stable
parallel safe
security invoker
as $generation_life$
    -- The first row's casts make constants of all: nothing is converted when it runs.
    values
        (
            'pending'::credits.generation_status,
            'submitted'::credits.generation_event,
            'processing'::credits.generation_status,
            'applied', null::text, null::text,
            '→ processing'
        ),
        ('pending', 'progress', 'processing', 'applied', null, null, '→ processing'),
        ('pending', 'success', 'succeeded', 'applied', 'price', null, '→ succeeded, settle'),
        ('pending', 'failure', 'failed', 'applied', 'policy', null, '→ failed, settle by policy'),
        ('pending', 'cancel', 'cancelled', 'applied', 'policy', null, '→ cancelled, 100 %'),
        (
            'pending', 'deadline', 'timed_out', 'applied', 'policy', null,
            '→ timed_out, by `timeout`'
        ),
        (
            'processing', 'submitted', 'processing', 'replay', null, null,
            'same id: replay; other id: PT409'
        ),
        ('processing', 'progress', 'processing', 'ignored', null, null, 'event only'),
        ('processing', 'success', 'succeeded', 'applied', 'price', null, '→ succeeded, settle'),
        (
            'processing', 'failure', 'failed', 'applied', 'policy', null,
            '→ failed, settle by policy'
        ),
        (
            'processing', 'cancel', 'cancelled', 'applied', 'policy', null,
            '→ cancelled, by `user_cancelled`'
        ),
        (
            'processing', 'deadline', 'timed_out', 'applied', 'policy', null,
            '→ timed_out, by `timeout`'
        ),
        (
            'succeeded', 'submitted', 'succeeded', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('succeeded', 'progress', 'succeeded', 'ignored', null, null, 'event only'),
        (
            'succeeded', 'success', 'succeeded', 'raises', 'price', null,
            'lower final price: difference back (applied); else replay'
        ),
        (
            'succeeded', 'failure', 'succeeded', 'ignored', null, 'conflicting_failure',
            'not applied; alert `conflicting_failure`'
        ),
        ('succeeded', 'cancel', 'succeeded', 'ignored', null, null, 'not applied'),
        ('failed', 'submitted', 'failed', 'ignored', null, null, 'mapping stored, not applied'),
        ('failed', 'progress', 'failed', 'ignored', null, null, 'event only'),
        (
            'failed', 'success', 'failed', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        ('failed', 'failure', 'failed', 'replay', null, null, 'replay'),
        ('failed', 'cancel', 'failed', 'ignored', null, null, 'not applied'),
        (
            'timed_out', 'submitted', 'timed_out', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('timed_out', 'progress', 'timed_out', 'ignored', null, null, 'event only'),
        (
            'timed_out', 'success', 'timed_out', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        ('timed_out', 'failure', 'timed_out', 'replay', null, null, 'replay'),
        ('timed_out', 'cancel', 'timed_out', 'ignored', null, null, 'not applied'),
        (
            'cancelled', 'submitted', 'cancelled', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('cancelled', 'progress', 'cancelled', 'ignored', null, null, 'event only'),
        (
            'cancelled', 'success', 'cancelled', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert if refunded'
        ),
        (
            'cancelled', 'failure', 'cancelled', 'raises', 'policy', null,
            'more due by the failure''s policy: the difference back, its error replaces '
            '`user_cancelled` (applied); else replay'
        ),
        ('cancelled', 'cancel', 'cancelled', 'replay', null, null, 'replay')
$generation_life$;

comment on function credits_internal.generation_life is
'What each event does to a generation in each status; nothing is listed for a deadline that passes '
'once it has finished.';

revoke all on function credits_internal.generation_life from public;
