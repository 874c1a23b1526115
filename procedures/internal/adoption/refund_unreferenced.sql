-- Refund a charge that the caller cannot name: the user's newest charge of this amount of which
-- nothing came back. For call sites of an older system, which know only the user and the amount.
--
-- p_since: no charge from before counts. p_only_lasting: nor one that credits paid which expire.
-- p_is_refund: false where the amount may as well be something else, which the caller finds out;
-- the charge of a generation is none that an older application would give back.
--
-- The charge of a task that the application writes itself comes back by the task's status. A call
-- that would be for it pays nothing, so that the task's failure is refunded once.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refund_unreferenced(
    p_user_id uuid,
    p_credits bigint,
    p_reason text default null,
    p_reference text default null,
    p_since timestamptz default null,
    p_only_lasting boolean default false,
    p_is_refund boolean default true
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_unreferenced$
declare
    -- Ids begin with their time: of a long ledger only what counts is read.
    v_since constant uuid := coalesce(
        rpad(
            credits_internal.uuid_v7_prefix(credits_internal.epoch_us(p_since)), 32, '0'
        )::uuid,
        credits_internal.nil_uuid()
    );
    v_charge record;
    v_refund credits.refund_result;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_credits(p_credits);
    perform credits_internal.lock_user(p_user_id);

    select
        t.transaction_id,
        k.generation_id
    into v_charge
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    left join credits.mirrored_tasks as m
        on
            t.user_id = m.user_id
            and t.transaction_id = m.charge_transaction_id
    left join credits.generations as g
        on
            t.user_id = g.user_id
            and coalesce(t.generation_id, m.generation_id) = g.generation_id
    left join credits.mirrored_tasks as k
        on
            g.user_id = k.user_id
            and g.generation_id = k.generation_id
    where
        t.user_id = p_user_id
        and t.transaction_id >= v_since
        and t.transaction_type = 'deduction'
        and t.credits = -p_credits
        -- Where this call has a reference, a charge that has one belongs to another call.
        and (p_reference is null or t.metadata ->> 'legacy_reference' is null)
        and case
            -- A task that the application writes itself is refunded by its status: this call is
            -- about one that is in flight, or has just come back.
            when g.finished_at is null and k.user_id is not null then k.asked_back_at is null
            when r.refunded > 0
                then
                    k.asked_back_at is null
                    and k.user_id is not null
                    and g.finished_at > credits_internal.clock() - interval '1 hour'
            when k.user_id is not null then g.status <> 'succeeded'
            -- The charge of any other generation in flight is refunded when the generation ends.
            else t.generation_id is null or g.finished_at is not null
        end
        and (p_is_refund or t.generation_id is null or k.user_id is not null)
        and not (
            p_only_lasting
            and exists (
                select
                from credits_internal.read_allocations(t.allocations) as a
                inner join credits.credit_lots as l on a.lot_id::uuid = l.lot_id
                where
                    l.user_id = p_user_id
                    and l.expires_at is not null
            )
        )
    order by t.seq desc
    limit 1;

    if v_charge.transaction_id is null and not p_is_refund then
        return 0;
    end if;

    if v_charge.transaction_id is null then
        perform credits.raise_alert(
            p_type => 'legacy_refund_unmatched',
            p_message => format(
                'a refund of %s credits named no charge, and none of that amount is left', p_credits
            ),
            p_user_id => p_user_id,
            p_dedup_key => p_credits::text,
            p_level => 'warning',
            p_metadata => jsonb_build_object('credits', p_credits, 'reason', left(p_reason, 1000))
        );

        return 0;
    end if;

    -- The status of the task pays, or has paid: this call is the same refund.
    if v_charge.generation_id is not null and credits_internal.note_asked_back(
        p_user_id, v_charge.generation_id, credits_internal.legacy_refund_key(p_reference)
    ) then
        return p_credits;
    end if;

    v_refund := credits.refund_user_credits(
        p_user_id => p_user_id,
        p_transaction_id => v_charge.transaction_id,
        p_reason => left(p_reason, 1000),
        p_idempotency_key => credits_internal.legacy_refund_key(p_reference)
    );

    return v_refund.credits_refunded;
end
$refund_unreferenced$;

comment on function credits_internal.refund_unreferenced is
'Refund the newest charge of this user and amount of which nothing came back, and return how much '
'that was; 0, and an alert legacy_refund_unmatched unless p_is_refund is false, where there is '
'none. Where that charge paid for a task that the application writes itself, the task''s '
'status refunds it: the amount is returned, and not paid again.';

revoke all on function credits_internal.refund_unreferenced from public;
