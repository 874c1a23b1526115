-- Prove what is new in users' ledgers, those looked at longest ago first, and note the outcome.
--
-- Each user's check goes on from a checkpoint; everything is proved again from the first row once
-- in settings.full_check_every, and after violations. A user has at most one piece of some thousand
-- rows proved in a call, so that one of many rows keeps nobody waiting and is never too much for a
-- statement_timeout. It locks nothing but rows of ledger_checks.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.check_ledger(
    p_limit integer default 500
)
returns setof credits.ledger_violation
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $check_ledger$
declare
    -- Ledger rows in a piece, and in a call, about. Where the statement_timeout is short, so is a
    -- piece, a row for each millisecond: one that a timeout cancels would be the same in the next
    -- call.
    c_piece constant integer := 10000;
    c_call constant integer := 50000;
    v_piece constant integer := least(
        c_piece,
        coalesce(
            nullif(
                1000 * extract(epoch from current_setting('statement_timeout')::interval), 0
            ),
            c_piece
        )
    );
    v_full_check_every interval;
    v_user_id uuid;
    v_check credits.ledger_checks;
    v_now timestamptz;
    v_proof credits_internal.proof;
    v_is_full boolean;
    v_is_rewritten boolean;
    v_found bigint;
    v_rows bigint := 0;
begin
    perform credits_internal.require_limit(p_limit);

    perform credits_internal.note_unchecked_users();

    select s.full_check_every
    into v_full_check_every
    from credits.settings as s;

    for v_user_id in
        -- Two proofs of more than a piece that are under way have a turn in each call, no more:
        -- others come besides.
        (
            select c.user_id
            from credits.ledger_checks as c
            where c.found is not null
            order by c.verified_at
            limit 2
        )
        union all
        (
            select c.user_id
            from credits.ledger_checks as c
            where c.found is null
            order by c.verified_at nulls first
            limit p_limit
        )
    loop
        -- Another session may check the user at this moment.
        select c.*
        into v_check
        from credits.ledger_checks as c
        where c.user_id = v_user_id
        for no key update skip locked;
        continue when not found;

        v_now := credits_internal.clock();

        -- Also before a proof from the first row, which a history that was written anew would pass.
        v_is_rewritten := (v_check.checkpoint).seq > 0
            and not exists (
                select
                from credits.credit_transactions as t
                where
                    t.user_id = v_user_id
                    and t.transaction_id = (v_check.checkpoint).transaction_id
                    and t.seq = (v_check.checkpoint).seq
                    and t.balance_after = (v_check.checkpoint).balance
                    and t.entry_hash = (v_check.checkpoint).entry_hash
            );

        if v_is_rewritten then
            v_check.rewritten_at := coalesce(v_check.rewritten_at, v_now);
        end if;

        if v_check.found is not null then
            v_is_full := (v_check.checkpoint).generation_id is not null;
        else
            v_is_full := v_check.violations > (v_check.rewritten_at is not null)::integer
                or v_check.checkpoint is null
                or coalesce(v_check.full_at, '-infinity') <= v_now - v_full_check_every;

            if v_is_full then
                v_check.checkpoint := null;
            end if;
        end if;

        v_proof := credits_internal.prove_user(v_user_id, v_check.checkpoint, v_piece);
        v_found := coalesce(v_check.found, 0) + cardinality(v_proof.violations);

        -- Where the proof goes on from there, it says so itself.
        if v_is_rewritten and v_check.checkpoint is null then
            return next row(
                'checkpoint', v_user_id, null, null, null, null,
                'the row up to which the ledger was proved is as it was then'
            )::credits.ledger_violation;
        end if;

        return query
        select v.*
        from unnest(v_proof.violations) as v;

        update credits.ledger_checks as c
        set
            verified_at = v_now,
            -- What was found stays visible until a whole proof finds nothing.
            violations = case
                when v_is_full and v_proof.is_last
                    then v_found + (v_check.rewritten_at is not null)::integer
                else greatest(
                    v_check.violations, v_found + (v_check.rewritten_at is not null)::integer
                )
            end,
            found = case when not v_proof.is_last then v_found end,
            full_at = case when v_is_full and v_proof.is_last then v_now else v_check.full_at end,
            checkpoint = v_proof.checkpoint,
            rewritten_at = v_check.rewritten_at
        where c.user_id = v_user_id;

        v_rows := v_rows + v_proof.ledger_rows;
        exit when v_rows >= c_call or credits_internal.time_is_up();
    end loop;
end
$check_ledger$;

comment on function credits.check_ledger is
'Verify the ledgers of users, those verified longest ago first, record the outcome in '
'ledger_checks, and return the violations found. It proves what came since a user''s last check, '
'and everything once in settings.full_check_every, or after violations. Bounded by ledger rows, '
'too: it ends after some ten thousand, or when half of statement_timeout has passed; the next call '
'goes on. '
'Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.check_ledger from public;
grant execute on function credits.check_ledger to credits_operator;
