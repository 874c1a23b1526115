-- A database that pgcredits 0.1.0 adopted, for the tests of upgrades: the photo platform of
-- the adoption's own tests, its tables closed, `adopt compat` in schema legacy, and what the
-- adoption wrote to the ledger. Recorded with pg_dump once, to be loaded over pgcredits-0.1.0.sql;
-- never edited.

set check_function_bodies = off;
delete from credits.plans;

CREATE SCHEMA legacy;

CREATE FUNCTION legacy.add_purchased_credits(p_user_id uuid, p_credits integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

        v_done := credits.grant_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => credits_internal.legacy_credits($2::numeric, 1),
            p_source => 'purchase',
            p_expires_at => null,
            p_reason => null,
            p_idempotency_key => coalesce('legacy-call:' || gen_random_uuid())
        );
    return;

end
$_$;

COMMENT ON FUNCTION legacy.add_purchased_credits(p_user_id uuid, p_credits integer) IS 'Made by pgcredits adopt compat: grants';

CREATE FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

    begin
        v_done := credits.deduct_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => credits_internal.legacy_credits($2::numeric, 1),
            p_reason => null,
            p_idempotency_key => null,
            p_metadata => '{}'
        );
    exception
        when sqlstate 'PT402' then
            return jsonb_build_object('success', false, 'error', 'Insufficient credits', 'remaining_balance', (select c.balance from credits.get_user_credits($1::text::uuid) as c));
    end;
    return jsonb_build_object('success', true, 'remaining_balance', v_done.balance, 'new_balance', v_done.balance);

end
$_$;

COMMENT ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer) IS 'Made by pgcredits adopt compat: charges';

CREATE FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) RETURNS TABLE(remaining_balance integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

    begin
        v_done := credits.deduct_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => credits_internal.legacy_credits($2::numeric, 1),
            p_reason => left($3::text, 1000),
            p_idempotency_key => null,
            p_metadata => '{}'
        );
    exception
        when sqlstate 'PT402' then
            raise exception using message = 'Insufficient credits', errcode = 'PT402', detail = sqlerrm;
    end;
    return query select (v_done.balance)::integer;

end
$_$;

COMMENT ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) IS 'Made by pgcredits adopt compat: charges';

CREATE FUNCTION legacy.process_credit_refund(p_task_id uuid, p_user_id uuid, p_credits integer, p_reason character varying) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

        v_credits := credits_internal.refund_legacy_task($2::text::uuid, $1::text, credits_internal.legacy_credits($3::numeric, 1), $4::text);
        return v_credits > 0;

end
$_$;

COMMENT ON FUNCTION legacy.process_credit_refund(p_task_id uuid, p_user_id uuid, p_credits integer, p_reason character varying) IS 'Made by pgcredits adopt compat: refunds a charge once';

CREATE FUNCTION legacy.refund_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

        v_credits := credits_internal.refund_unreferenced($1::text::uuid, credits_internal.legacy_credits($2::numeric, 1), $3::text);
        return;

end
$_$;

COMMENT ON FUNCTION legacy.refund_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) IS 'Made by pgcredits adopt compat: refunds a charge once';

CREATE FUNCTION legacy.reset_monthly_subscription_benefits() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$begin perform credits.apply_monthly_allowances(100000); return; end$$;

COMMENT ON FUNCTION legacy.reset_monthly_subscription_benefits() IS 'Made by pgcredits adopt compat: grants what plans bring this month';

CREATE FUNCTION legacy.update_user_credits(p_user_id uuid, p_amount integer, p_type text, p_description text, p_reference_id text, p_metadata jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin

    v_word := trim(both '_' from regexp_replace(
        lower(coalesce($3::text, '')),
        '[^a-z0-9]+', '_', 'g'
    ));
    if v_word = any ('{refund,refunded,reversal,reversed,chargeback_reversal,credit_back,payback,pay_back,paid_back,give_back,reimbursement}') then
        
        v_credits := credits_internal.refund_legacy_task($1::text::uuid, $5::text, abs(credits_internal.legacy_credits($2::numeric, 1)), $3::text);
        return;

    elsif v_word = any ('{charge,usage,use,used,deduction,deduct,debit,spend,spent,consume,consumed,consumption,generation,enhancement,purchase_generation,withdraw,withdrawal,remove,removal,burn,subtract}') or v_word = '' and credits_internal.legacy_credits($2::numeric, 1) < 0 then
        
    begin
        v_done := credits.deduct_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => abs(credits_internal.legacy_credits($2::numeric, 1)),
            p_reason => left($3::text, 1000),
            p_idempotency_key => null,
            p_metadata => jsonb_strip_nulls(jsonb_build_object('legacy_reference', nullif($5::text, '')))
        );
    exception
        when sqlstate 'PT402' then
            raise exception using message = 'Insufficient credits', errcode = 'PT402', detail = sqlerrm;
    end;
    return;

    elsif v_word = any ('{allowance,monthly,monthly_reset,plan_change,renewal,reset}') then
        
        v_done := credits.grant_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => credits_internal.legacy_credits($2::numeric, 1),
            p_source => 'adjustment',
            p_expires_at => now() + interval '1 month',
            p_reason => left($3::text, 1000),
            p_idempotency_key => 'legacy-month:' || v_word || ':' || to_char(now(), 'YYYY-MM') || ':' || credits_internal.legacy_credits($2::numeric, 1)
        );
    return;

    elsif v_word = any ('{grant,purchase,topup,top_up,credit,bonus,reset,allowance,earn,earned,deposit,subscription,monthly,monthly_reset,promo,referral,signup,signup_bonus,gift,add,plan_change,renewal,recharge,reward,welcome,compensation,goodwill}') or v_word = '' then
        
        v_done := credits.grant_user_credits(
            p_user_id => $1::text::uuid,
            p_credits => credits_internal.legacy_credits($2::numeric, 1),
            p_source => 'adjustment',
            p_expires_at => null,
            p_reason => left($3::text, 1000),
            p_idempotency_key => coalesce(nullif($5::text, ''), 'legacy-call:' || gen_random_uuid())
        );
    return;

    else
        perform credits_internal.refuse_argument(
            'type',
            v_word,
            format('is %L: nobody knows whether that adds credits or takes them', v_word),
            'Call a function of schema credits instead.'
        );
        return;
    end if;

end
$_$;

COMMENT ON FUNCTION legacy.update_user_credits(p_user_id uuid, p_amount integer, p_type text, p_description text, p_reference_id text, p_metadata jsonb) IS 'Made by pgcredits adopt compat: charges, grants or refunds';

CREATE FUNCTION public.add_purchased_credits(p_user_id uuid, p_credits integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    update public.user_credits
    set purchased_credits_balance = purchased_credits_balance + p_credits
    where user_id = p_user_id;
end
$$;

CREATE FUNCTION public.auto_refund_on_failure() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    if new.status = 'failed' and old.status is distinct from 'failed' then
        update public.user_credits
        set current_balance = current_balance + 1
        where user_id = new.user_id;
        new.refunded := true;
        new.refund_credits := 1;
        new.refunded_at := now();
    end if;
    return new;
end
$$;

CREATE FUNCTION public.check_refund_eligibility(p_task_id uuid) RETURNS boolean
    LANGUAGE sql
    AS $$
    select status = 'failed' from public.enhancement_tasks where id = p_task_id
$$;

CREATE FUNCTION public.consume_platform_credits(p_provider character varying, p_credits integer, p_cost numeric) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    update public.credit_pools
    set available_balance = available_balance - p_credits
    where provider = p_provider;
    return found;
end
$$;

CREATE FUNCTION public.consume_user_credits(p_user_id uuid, p_credits integer) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare
    v_balance int;
begin
    select uc.current_balance into v_balance
    from public.user_credits as uc
    where uc.user_id = p_user_id;
    if v_balance < p_credits then
        return jsonb_build_object('success', false, 'error', 'Insufficient credits');
    end if;
    update public.user_credits
    set
        current_balance = v_balance - p_credits,
        consumed_this_month = consumed_this_month + p_credits,
        lifetime_consumed = lifetime_consumed + p_credits
    where user_id = p_user_id;
    return jsonb_build_object('success', true, 'remaining_balance', v_balance - p_credits);
end
$$;

CREATE FUNCTION public.consume_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) RETURNS TABLE(remaining_balance integer)
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare
    current_balance int;
begin
    select uc.current_balance into current_balance
    from public.user_credits as uc
    where uc.user_id = p_user_id;
    if current_balance < p_credits then
        raise exception 'Insufficient credits';
    end if;
    update public.user_credits
    set current_balance = current_balance - p_credits
    where user_id = p_user_id;
    return query select current_balance - p_credits;
end
$$;

CREATE FUNCTION public.process_credit_refund(p_task_id uuid, p_user_id uuid, p_credits integer, p_reason character varying) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare
    v_previous int;
begin
    select uc.current_balance into v_previous
    from public.user_credits as uc
    where uc.user_id = p_user_id;
    update public.user_credits
    set current_balance = v_previous + p_credits
    where user_id = p_user_id;
    insert into public.credit_refunds (
        task_id, user_id, credits_refunded, reason, previous_balance, new_balance
    )
    values (p_task_id, p_user_id, p_credits, p_reason, v_previous, v_previous + p_credits);
    insert into public.credit_transactions (
        user_id, transaction_type, credits_used, api_request_id, status
    )
    values (p_user_id, 'refund', p_credits, p_task_id::text, 'completed');
    return true;
exception
    when others then
        return false;
end
$$;

CREATE FUNCTION public.refund_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    update public.user_credits
    set current_balance = current_balance + p_credits
    where user_id = p_user_id;
    insert into public.credit_transactions (
        user_id, transaction_type, credits_used, enhancement_type, status
    )
    values (p_user_id, 'refund', -p_credits, p_enhancement_type, 'completed');
end
$$;

CREATE FUNCTION public.reset_monthly_subscription_benefits() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    update public.user_credits
    set current_balance = monthly_allowance, consumed_this_month = 0, last_reset_at = now()
    where last_reset_at < now() - interval '30 days';
end
$$;

CREATE FUNCTION public.update_user_credits(p_user_id uuid, p_amount integer, p_type text, p_description text, p_reference_id text, p_metadata jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    if p_type = 'plan_change' then
        update public.user_credits
        set current_balance = p_amount, purchased_credits_balance = 0
        where user_id = p_user_id;
    else
        update public.user_credits
        set current_balance = current_balance + p_amount
        where user_id = p_user_id;
    end if;
    begin
        insert into public.credit_transactions (user_id, transaction_type, amount, description)
        values (p_user_id, p_type, p_amount, p_description);
    exception
        when others then
            null;
    end;
end
$$;

CREATE TABLE public.credit_transactions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    moodboard_id uuid,
    transaction_type character varying(20),
    credits_used integer NOT NULL,
    cost_usd numeric(8,4),
    provider character varying(50),
    api_request_id character varying(100),
    enhancement_type character varying(50),
    status character varying(20),
    error_message text,
    created_at timestamp with time zone DEFAULT now()
);

CREATE VIEW legacy.credit_transactions AS
 SELECT t.id,
    t.user_id,
    t.moodboard_id,
    t.transaction_type,
    t.credits_used,
    t.cost_usd,
    t.provider,
    t.api_request_id,
    t.enhancement_type,
    t.status,
    t.error_message,
    t.created_at
   FROM public.credit_transactions t
UNION ALL
 SELECT e.transaction_id AS id,
    ((e.user_id)::text)::uuid AS user_id,
    NULL::uuid AS moodboard_id,
    (
        CASE e.transaction_type
            WHEN 'deduction'::credits.transaction_type THEN 'usage'::text
            WHEN 'refund'::credits.transaction_type THEN 'refund'::text
            WHEN 'grant'::credits.transaction_type THEN 'grant'::text
            WHEN 'expiry'::credits.transaction_type THEN 'expiry'::text
            WHEN 'revocation'::credits.transaction_type THEN 'usage'::text
            ELSE NULL::text
        END)::character varying AS transaction_type,
    (((abs(e.credits))::numeric / (1)::numeric))::integer AS credits_used,
    (e.cost_usd)::numeric AS cost_usd,
    NULL::character varying AS provider,
    (COALESCE((e.generation_id)::text, e.idempotency_key))::character varying AS api_request_id,
    NULL::character varying AS enhancement_type,
    NULL::character varying AS status,
    NULL::text AS error_message,
    e.created_at
   FROM credits.credit_transactions e
  WHERE ((e.idempotency_key IS NULL) OR (e.idempotency_key !~~ 'legacy:%'::text));

COMMENT ON VIEW legacy.credit_transactions IS 'Made by pgcredits adopt compat: the old rows, and the ledger since';

CREATE TABLE public.enhancement_tasks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    enhancement_type text NOT NULL,
    status text,
    credits_consumed integer,
    provider text,
    provider_task_id text,
    api_task_id text,
    cost_usd numeric,
    provider_cost numeric,
    error_type character varying(50),
    error_message text,
    failed_at timestamp with time zone,
    refunded boolean,
    refund_status text,
    refund_credits integer,
    refund_reason text,
    refunded_at timestamp with time zone,
    refund_processed_at timestamp with time zone,
    prompt text,
    result_url text,
    created_at timestamp with time zone DEFAULT now()
);

CREATE VIEW legacy.enhancement_tasks AS
 SELECT t.id,
    t.user_id,
    t.enhancement_type,
    COALESCE(
        CASE g.status
            WHEN 'timed_out'::credits.generation_status THEN 'timeout'::text
            WHEN 'cancelled'::credits.generation_status THEN 'cancelled'::text
            WHEN 'processing'::credits.generation_status THEN 'processing'::text
            WHEN 'succeeded'::credits.generation_status THEN 'completed'::text
            WHEN 'failed'::credits.generation_status THEN 'failed'::text
            ELSE NULL::text
        END, t.status) AS status,
    t.credits_consumed,
    t.provider,
    t.provider_task_id,
    t.api_task_id,
    t.cost_usd,
    t.provider_cost,
    t.error_type,
    t.error_message,
    t.failed_at,
    ((COALESCE(r.refunded, (0)::bigint) > 0) OR COALESCE(t.refunded, false)) AS refunded,
    t.refund_status,
    t.refund_credits,
    t.refund_reason,
    t.refunded_at,
    t.refund_processed_at,
    t.prompt,
    t.result_url,
    t.created_at
   FROM ((public.enhancement_tasks t
     LEFT JOIN credits.generations g ON (((g.user_id = ((t.user_id)::text)::uuid) AND (g.generation_id =
        CASE
            WHEN ((t.id)::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'::text) THEN ((t.id)::text)::uuid
            ELSE (md5((('public.enhancement_tasks'::text || ':'::text) || (t.id)::text)))::uuid
        END))))
     LEFT JOIN credits.refund_totals r ON (((g.user_id = r.user_id) AND (g.charge_transaction_id = r.transaction_id))));

COMMENT ON VIEW legacy.enhancement_tasks IS 'Made by pgcredits adopt compat: the old rows, as they stand now';

CREATE TABLE public.user_credits (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    subscription_tier character varying(20),
    monthly_allowance integer,
    current_balance integer,
    consumed_this_month integer DEFAULT 0,
    last_reset_at timestamp with time zone,
    lifetime_consumed integer DEFAULT 0,
    purchased_credits_balance integer DEFAULT 0,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE VIEW legacy.user_credits AS
 SELECT t.id,
    (COALESCE((t.user_id)::text, (s.user_id)::text))::uuid AS user_id,
    t.subscription_tier,
    t.monthly_allowance,
    ((COALESCE(s.expiring_credits, (0)::numeric) / (1)::numeric))::integer AS current_balance,
    t.consumed_this_month,
    t.last_reset_at,
    t.lifetime_consumed,
    ((COALESCE(s.lasting_credits, (0)::numeric) / (1)::numeric))::integer AS purchased_credits_balance,
    t.created_at,
    t.updated_at
   FROM (public.user_credits t
     FULL JOIN ( SELECT l.user_id,
            sum(l.remaining) AS all_credits,
            sum(l.remaining) FILTER (WHERE (l.expires_at IS NULL)) AS lasting_credits,
            sum(l.remaining) FILTER (WHERE (l.expires_at IS NOT NULL)) AS expiring_credits
           FROM credits.credit_lots l
          WHERE ((l.expires_at IS NULL) OR (l.expires_at > now()))
          GROUP BY l.user_id) s ON ((s.user_id = ((t.user_id)::text)::uuid)));

COMMENT ON VIEW legacy.user_credits IS 'Made by pgcredits adopt compat: balances of today';

CREATE TABLE public.api_providers (
    name text NOT NULL,
    base_url text
);

CREATE TABLE public.credit_alerts (
    id uuid NOT NULL,
    message text
);

CREATE TABLE public.credit_pools (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    provider character varying(50),
    available_balance numeric,
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.credit_purchase_requests (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    pool_id uuid,
    credits_requested integer,
    status character varying(20)
);

CREATE TABLE public.credit_refunds (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    task_id uuid,
    user_id uuid,
    credits_refunded integer,
    reason text,
    previous_balance integer,
    new_balance integer,
    platform_loss numeric,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.daily_usage_summary (
    day date NOT NULL,
    generations integer
);

CREATE TABLE public.platform_credits (
    provider character varying(50) NOT NULL,
    balance numeric
);

CREATE TABLE public.refund_audit_log (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    task_id uuid,
    user_id uuid,
    credits_refunded integer,
    reason text,
    previous_balance integer,
    new_balance integer,
    platform_loss numeric,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.refund_policies (
    error_type character varying(50) NOT NULL,
    should_refund boolean NOT NULL,
    refund_percentage integer NOT NULL
);

CREATE VIEW public.success_rate AS
 SELECT t.provider,
    count(*) AS tasks,
    ((100.0 * (count(*) FILTER (WHERE (t.status = 'completed'::text)))::numeric) / (count(*))::numeric) AS success_rate
   FROM (public.enhancement_tasks t
     LEFT JOIN public.credit_transactions c ON (((t.id)::text = (c.api_request_id)::text)))
  GROUP BY t.provider;

CREATE TABLE public.system_alerts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    type character varying(50) NOT NULL,
    level character varying(20) NOT NULL,
    message text NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now()
);

INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('23e0ef5a-e799-4d87-8497-c9706bfdaa7d', 'fal_ai', 0, '2026-11-27 14:19:23.462016+00');
INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('653a6a76-7ff2-4b34-9e95-ddb6b2e47190', 'nanobanana', 0, '2026-11-27 14:19:23.462016+00');
INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('eb758f84-489a-4b5b-afe0-28e7c0172af2', 'manual', 12.5, '2026-11-27 14:19:23.462016+00');

INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('f49b2f88-251f-4e49-a239-866ade500337', '00000000-0000-0000-0000-00000000a003', '00000000-0000-0000-0000-000000000003', 12, 'failed', NULL, NULL, NULL, '2026-11-27 14:19:23.507221+00');
INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('80e0132a-38e0-4c89-9605-97487028e3b4', '00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 2, 'failed', NULL, NULL, NULL, '2026-11-27 14:19:23.507221+00');
INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('3b1590c7-6eb2-4f98-9a7a-4154584877cb', '00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 2, 'failed', NULL, NULL, NULL, '2026-11-27 14:19:23.507221+00');

INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('8b65b438-5230-41f5-b7b3-78163e89b5a0', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a001', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('5a70c8c2-e070-422d-91af-299066978e85', '00000000-0000-0000-0000-000000000002', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a002', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('811f24c8-0f16-45b5-b4fa-39ba97d26bf0', '00000000-0000-0000-0000-000000000003', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a003', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('0972ac2e-7e59-46e2-b8b2-a10f9ac19090', '00000000-0000-0000-0000-000000000004', NULL, 'usage', 20, NULL, NULL, '00000000-0000-0000-0000-00000000a004', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('35d266a5-9820-4e98-ac24-f596e9255bb7', '00000000-0000-0000-0000-000000000005', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('36727919-3927-46bb-aa24-a374555a14ad', '00000000-0000-0000-0000-000000000006', NULL, 'usage', 5, NULL, NULL, '00000000-0000-0000-0000-00000000a006', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('4512d1aa-4056-44c1-bcd1-8f4283a366ab', '00000000-0000-0000-0000-000000000006', NULL, 'usage', 7, NULL, NULL, '00000000-0000-0000-0000-00000000a007', NULL, 'completed', NULL, '2026-11-25 13:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('87f948b3-8c59-451e-a86d-864c2ad9c522', '00000000-0000-0000-0000-000000000008', NULL, 'usage', 4, NULL, NULL, '00000000-0000-0000-0000-00000000a008', NULL, 'completed', NULL, '2026-11-27 13:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('ad428a01-a09c-406c-8646-d0000095e044', '00000000-0000-0000-0000-000000000009', NULL, 'usage', 6, NULL, NULL, '00000000-0000-0000-0000-00000000a009', NULL, 'completed', NULL, '2026-11-24 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('169e21c3-dd98-4cc1-af87-96359d14815f', '00000000-0000-0000-0000-00000000000a', NULL, 'usage', 3, NULL, NULL, '00000000-0000-0000-0000-00000000a00a', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('00f8d0aa-58ba-45b0-9cc1-26796906bbfa', '00000000-0000-0000-0000-00000000000b', NULL, 'usage', 3, NULL, NULL, '00000000-0000-0000-0000-00000000a00b', NULL, 'completed', NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('c6d586b5-fe66-449d-8225-2455f80ceb84', '00000000-0000-0000-0000-000000000002', NULL, 'usage', 8, NULL, NULL, '00000000-0000-0000-0000-00000000a00d', NULL, 'completed', NULL, '2026-11-25 13:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('b448a49c-6d5f-4575-b1e2-b574ebdffe52', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a00e', NULL, 'completed', NULL, '2026-11-25 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('ad0d854d-4fc1-4c54-aac0-757b39e8ba17', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a00f', NULL, 'completed', NULL, '2026-11-25 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('79d55936-d01b-4912-94c9-65a1dfea370f', '00000000-0000-0000-0000-000000000003', NULL, 'refund', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a003', NULL, 'completed', NULL, '2026-11-27 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('04f4b18b-7744-4635-9a8d-d1605bf755e6', '00000000-0000-0000-0000-000000000005', NULL, 'refund', -2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-27 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('4a8a9820-9fdd-41a1-812d-de025a346052', '00000000-0000-0000-0000-000000000005', NULL, 'refund', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-27 14:19:23.507221+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('e4d3353b-923d-4bf9-9928-67a0ada8d217', '00000000-0000-0000-0000-000000000006', NULL, 'refund', -5, NULL, NULL, NULL, NULL, 'completed', NULL, '2026-11-27 14:19:23.507221+00');

INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a001', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 12, 'Kling', 'p-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a002', '00000000-0000-0000-0000-000000000002', 'video', 'failed', 12, 'Kling', 'p-2', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a003', '00000000-0000-0000-0000-000000000003', 'video', 'failed', 12, 'Kling', 'p-3', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a004', '00000000-0000-0000-0000-000000000004', 'video', 'failed', 20, 'Kling', 'p-4', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, true, NULL, 1, NULL, '2026-11-27 13:19:23.507221+00', NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 'video', 'failed', 2, 'Kling', 'p-5', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, true, NULL, 2, NULL, '2026-11-27 13:19:23.507221+00', NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a006', '00000000-0000-0000-0000-000000000006', 'video', 'failed', 5, 'Kling', 'p-6', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a007', '00000000-0000-0000-0000-000000000006', 'video', 'failed', 7, 'Kling', 'p-7', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 13:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a008', '00000000-0000-0000-0000-000000000008', 'video', 'processing', 4, 'Kling', 'p-8', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-27 13:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a009', '00000000-0000-0000-0000-000000000009', 'video', 'processing', 6, 'Kling', 'p-9', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-24 14:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00a', '00000000-0000-0000-0000-00000000000a', 'video', 'completed', 3, 'Kling', 'p-10', NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 3, NULL, '2026-11-27 13:19:23.507221+00', NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00b', '00000000-0000-0000-0000-00000000000b', 'video', 'cancelled', 3, 'Kling', 'p-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00c', '00000000-0000-0000-0000-00000000000c', 'video', 'completed', 0, 'Kling', 'p-12', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00d', '00000000-0000-0000-0000-000000000002', 'video', 'timeout', 8, 'Kling', 'p-13', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 13:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00e', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 2, 'Kling', 'p-same', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 14:19:23.507221+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00f', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 2, 'Kling', 'p-same', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 14:19:23.507221+00');

INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('timeout', true, 100);
INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('internal_error', true, 100);
INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('user_cancelled', false, 0);

INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('c1736092-2e8d-4b84-af3c-ce9e0d4063af', '00000000-0000-0000-0000-000000000001', 'pro', 50, 20, 0, '2026-11-24 14:19:23.507221+00', 0, 5, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('24ddaddd-9663-4a06-8102-2554234a055a', '00000000-0000-0000-0000-000000000002', 'pro', 50, 30, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('f795da7b-a349-4f6c-893d-8772df01d86a', '00000000-0000-0000-0000-000000000003', 'pro', 50, 30, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('2853f0ab-a933-4e3c-a194-d49e601e5fea', '00000000-0000-0000-0000-000000000004', 'pro', 50, 31, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('c2b88d27-d478-4623-b683-2730ffe42263', '00000000-0000-0000-0000-000000000005', 'pro', 50, 44, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08', '00000000-0000-0000-0000-000000000006', 'pro', 50, 10, 0, '2026-11-24 14:19:23.507221+00', 0, 2, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('65bbbc08-28f8-4a8b-b881-384eb6915723', '00000000-0000-0000-0000-000000000007', 'pro', 50, -5, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('74976de3-afe5-4eeb-af64-b8f5664c6f40', '00000000-0000-0000-0000-000000000008', 'pro', 50, 6, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('af15a500-a6e1-44eb-8de2-6b6056bfc435', '00000000-0000-0000-0000-000000000009', 'pro', 50, 0, 0, '2026-11-24 14:19:23.507221+00', 0, 4, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('a44b66ce-7cda-4ea8-a0ba-344a476ecbd3', '00000000-0000-0000-0000-00000000000a', 'pro', 50, 1, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('849aecdb-ce5d-43e6-927f-be37eeddd579', '00000000-0000-0000-0000-00000000000b', 'pro', 50, 2, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('851251a4-82e0-46d5-8a1c-29cc55eb026d', '00000000-0000-0000-0000-00000000000c', 'pro', 50, 3, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('68e5e664-c0ca-4b4d-93b8-2cb6f93daae8', '00000000-0000-0000-0000-00000000000d', 'pro', 50, 8, 0, '2026-10-18 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('324e0af3-5844-4d01-b0be-a578364894bd', '00000000-0000-0000-0000-00000000000e', 'pro', 50, 0, 0, '2026-11-24 14:19:23.507221+00', 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('0d021113-93da-49a9-b715-6dd543bf8cbd', NULL, NULL, NULL, 9, 0, NULL, 0, 0, '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.507221+00');

ALTER TABLE ONLY public.api_providers
    ADD CONSTRAINT api_providers_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.credit_alerts
    ADD CONSTRAINT credit_alerts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_pools
    ADD CONSTRAINT credit_pools_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_purchase_requests
    ADD CONSTRAINT credit_purchase_requests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_refunds
    ADD CONSTRAINT credit_refunds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_transactions
    ADD CONSTRAINT credit_transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.daily_usage_summary
    ADD CONSTRAINT daily_usage_summary_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.enhancement_tasks
    ADD CONSTRAINT enhancement_tasks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.platform_credits
    ADD CONSTRAINT platform_credits_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY public.refund_audit_log
    ADD CONSTRAINT refund_audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refund_policies
    ADD CONSTRAINT refund_policies_pkey PRIMARY KEY (error_type);

ALTER TABLE ONLY public.system_alerts
    ADD CONSTRAINT system_alerts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_credits
    ADD CONSTRAINT user_credits_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_credits
    ADD CONSTRAINT user_credits_user_id_key UNIQUE (user_id);

CREATE TRIGGER auto_refund_on_failure BEFORE UPDATE ON public.enhancement_tasks FOR EACH ROW EXECUTE FUNCTION public.auto_refund_on_failure();

CREATE TRIGGER pgcredits_closed BEFORE INSERT OR DELETE OR UPDATE ON public.credit_refunds FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.credit_refunds ENABLE ALWAYS TRIGGER pgcredits_closed;

CREATE TRIGGER pgcredits_closed BEFORE INSERT OR DELETE OR UPDATE ON public.credit_transactions FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.credit_transactions ENABLE ALWAYS TRIGGER pgcredits_closed;

CREATE TRIGGER pgcredits_closed BEFORE INSERT OR DELETE OR UPDATE ON public.enhancement_tasks FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.enhancement_tasks ENABLE ALWAYS TRIGGER pgcredits_closed;

CREATE TRIGGER pgcredits_closed BEFORE INSERT OR DELETE OR UPDATE ON public.refund_audit_log FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.refund_audit_log ENABLE ALWAYS TRIGGER pgcredits_closed;

CREATE TRIGGER pgcredits_closed BEFORE INSERT OR DELETE OR UPDATE ON public.user_credits FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.user_credits ENABLE ALWAYS TRIGGER pgcredits_closed;

CREATE TRIGGER pgcredits_closed_truncate BEFORE TRUNCATE ON public.credit_refunds FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.credit_refunds ENABLE ALWAYS TRIGGER pgcredits_closed_truncate;

CREATE TRIGGER pgcredits_closed_truncate BEFORE TRUNCATE ON public.credit_transactions FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.credit_transactions ENABLE ALWAYS TRIGGER pgcredits_closed_truncate;

CREATE TRIGGER pgcredits_closed_truncate BEFORE TRUNCATE ON public.enhancement_tasks FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.enhancement_tasks ENABLE ALWAYS TRIGGER pgcredits_closed_truncate;

CREATE TRIGGER pgcredits_closed_truncate BEFORE TRUNCATE ON public.refund_audit_log FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.refund_audit_log ENABLE ALWAYS TRIGGER pgcredits_closed_truncate;

CREATE TRIGGER pgcredits_closed_truncate BEFORE TRUNCATE ON public.user_credits FOR EACH STATEMENT EXECUTE FUNCTION credits_internal.refuse_legacy_write();

ALTER TABLE public.user_credits ENABLE ALWAYS TRIGGER pgcredits_closed_truncate;

ALTER TABLE ONLY public.credit_purchase_requests
    ADD CONSTRAINT credit_purchase_requests_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES public.credit_pools(id);

ALTER TABLE ONLY public.user_credits
    ADD CONSTRAINT user_credits_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

GRANT USAGE ON SCHEMA legacy TO credits_app;

REVOKE ALL ON FUNCTION legacy.add_purchased_credits(p_user_id uuid, p_credits integer) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.add_purchased_credits(p_user_id uuid, p_credits integer) TO credits_app;

REVOKE ALL ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer) TO credits_app;

REVOKE ALL ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.consume_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) TO credits_app;

REVOKE ALL ON FUNCTION legacy.process_credit_refund(p_task_id uuid, p_user_id uuid, p_credits integer, p_reason character varying) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.process_credit_refund(p_task_id uuid, p_user_id uuid, p_credits integer, p_reason character varying) TO credits_app;

REVOKE ALL ON FUNCTION legacy.refund_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.refund_user_credits(p_user_id uuid, p_credits integer, p_enhancement_type character varying) TO credits_app;

REVOKE ALL ON FUNCTION legacy.reset_monthly_subscription_benefits() FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.reset_monthly_subscription_benefits() TO credits_app;

REVOKE ALL ON FUNCTION legacy.update_user_credits(p_user_id uuid, p_amount integer, p_type text, p_description text, p_reference_id text, p_metadata jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION legacy.update_user_credits(p_user_id uuid, p_amount integer, p_type text, p_description text, p_reference_id text, p_metadata jsonb) TO credits_app;

GRANT SELECT ON TABLE legacy.credit_transactions TO credits_app;

GRANT SELECT ON TABLE legacy.enhancement_tasks TO credits_app;

GRANT SELECT ON TABLE legacy.user_credits TO credits_app;

INSERT INTO credits.plans (plan, monthly_credits, rollover_max_credits) VALUES ('free', 5, 0);
INSERT INTO credits.plans (plan, monthly_credits, rollover_max_credits) VALUES ('plus', 50, 0);
INSERT INTO credits.plans (plan, monthly_credits, rollover_max_credits) VALUES ('pro', 50, 0);

INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000001', 25, 2, '2026-11-27 14:19:23.756664+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-a419-0a3dfc310835', 20, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x4dcf6b2b6a97463bc213c58c6f2eb4f7819b8fc11e0db1a09409685e46abdf73', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000003', 30, 1, '2026-11-27 14:19:23.756663+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-adc4-88bf58a0fe85', 30, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x9b18feb1c1f856f80c1a51e744da4c091f1055773d5c21e7426c622deb4d14f1', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000005', 44, 1, '2026-11-27 14:19:23.756663+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-b865-2d0709ad6cab', 44, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xf9c187505acb75f968251ebaf3f4ebe18c990155af8bb045c90b76521628c55f', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000007', 0, 0, NULL, NULL, NULL, 0, NULL, NULL, '2026-11-27 14:19:23.771455+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000a', 1, 1, '2026-11-27 14:19:23.756663+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-b2d7-df5cc9186cf7', 1, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xb03284e53ff3281b3d1dfe483dd58c777d79185ab13402ae2c097ed5207cea51', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000b', 2, 1, '2026-11-27 14:19:23.756663+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-853b-5e0229641bf2', 2, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xf24284a7bb47d4cb8edd6137ac908ab88c0bf47490cb1db9cb37991d1fc96566', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000c', 3, 1, '2026-11-27 14:19:23.756663+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-ad4d-412a46432724', 3, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x16bcbc2bf0d08b442558e60c60bfee337953f644537a9a5efd6c356a45dcd1ce', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000d', 8, 1, '2026-11-27 14:19:23.756663+00', '2026-12-18 14:19:23.507221+00', '01a21d60-0cec-7a9b-9e0a-14091a5f9927', 8, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xb41524416717d628c7dc5f237fe40c5c937c551d42bf4df73e469eecb573a623', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000002', 30, 5, '2026-11-27 14:19:23.821093+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-aacb-158e74637005', 30, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xd448d3c28000bd728d2aef0b060265fee0489255ea311ea4366a5df54b1698d6', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000004', 31, 3, '2026-11-27 14:19:23.822656+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-bd77-96a019c7a1c1', 31, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x63033dac1038a0bcb91671818261d047387271543d7dd9fd3d9c9c3b71191cdb', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000006', 12, 4, '2026-11-27 14:19:23.823819+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-ad46-1c367ce6654c', 10, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xabdfd317b67258cc2bb2a922fd24fb8e058a07b5bc15c7040ebecb452a05f763', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000008', 6, 3, '2026-11-27 14:19:23.824629+00', '2026-12-24 14:19:23.507221+00', '01a21d60-0cec-7a9b-95e5-951ad1c6dff6', 6, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\xe9dec21d20433a55b131224bd7092b0e1dbcfed009c5c780960afeece14bbc77', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000009', 4, 3, '2026-11-27 14:19:23.825465+00', NULL, '01a21d60-0cec-7a9b-92f9-2a0b77032200', 4, NULL, NULL, '2026-11-27 14:19:23.756662+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x6c090540a6debc39cb629493e8b3d4e14dfc68b70177858affdcb8c4d991e4d5', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000e', 0, 0, NULL, NULL, NULL, 0, NULL, NULL, '2026-11-27 14:19:23.771455+00', '2026-11-27 14:19:23.771455+00', 50, '2026-11-01', false, '\x', 'pro', NULL);

INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d60-0cec-7a9b-a419-0a3dfc310835', 20, 20, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-a86b-c954df3a07c0', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d60-0cec-7a9f-9615-2227f6fbdb03', 5, 5, NULL, '2026-11-27 14:19:23.756664+00', '01a21d60-0cec-7a9f-83ae-5c82797f0dce', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0cec-7a9b-aacb-158e74637005', 30, 30, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-8ad4-ad9382f6141d', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000003', '01a21d60-0cec-7a9b-adc4-88bf58a0fe85', 30, 30, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-930f-6024c5d8406c', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d60-0cec-7a9b-bd77-96a019c7a1c1', 31, 31, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-9768-5a15d8ff015a', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000005', '01a21d60-0cec-7a9b-b865-2d0709ad6cab', 44, 44, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-8c69-0cabcb0a239b', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0cec-7a9b-ad46-1c367ce6654c', 10, 10, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-9de6-e18d7fd8ac42', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0cec-7a9f-8bef-ccf0ffe18b2a', 2, 2, NULL, '2026-11-27 14:19:23.756664+00', '01a21d60-0cec-7a9f-9043-7fd492c4de30', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d60-0cec-7a9b-95e5-951ad1c6dff6', 6, 6, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-81ad-4374e7e6b264', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d60-0cec-7a9b-92f9-2a0b77032200', 4, 4, NULL, '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-9595-02fa617a19c0', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000a', '01a21d60-0cec-7a9b-b2d7-df5cc9186cf7', 1, 1, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-83d4-aaa7234a1c1b', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000b', '01a21d60-0cec-7a9b-853b-5e0229641bf2', 2, 2, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-a3c9-0fce3efa8b45', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000c', '01a21d60-0cec-7a9b-ad4d-412a46432724', 3, 3, '2026-12-24 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-a060-2cb28c4b8995', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000d', '01a21d60-0cec-7a9b-9e0a-14091a5f9927', 8, 8, '2026-12-18 14:19:23.507221+00', '2026-11-27 14:19:23.756663+00', '01a21d60-0cec-7a9b-8298-4c7ea6118787', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d28-71db-82b5-434ad6d48d95', 12, 0, NULL, '2026-11-27 14:19:23.816116+00', '01a21d60-0d28-71db-8c36-fc51c5bfb699', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d2d-7178-9cf7-d17a8adc5b25', 8, 0, NULL, '2026-11-27 14:19:23.821092+00', '01a21d60-0d2d-7178-8e22-192a33904c2a', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d60-0d2e-7a7a-99d6-e8a963b84cc2', 19, 0, NULL, '2026-11-27 14:19:23.822655+00', '01a21d60-0d2e-7a7a-9ba5-b38d51377f9c', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0d2f-7d16-849a-6a8e0b57c663', 7, 0, NULL, '2026-11-27 14:19:23.823818+00', '01a21d60-0d2f-7d16-a45b-9852b5a6fd06', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d60-0d30-7a0c-9ac5-1904a052b821', 4, 0, NULL, '2026-11-27 14:19:23.824628+00', '01a21d60-0d30-7a0c-a980-18a4e8c49173', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d60-0d31-776c-b87d-01958e76d937', 6, 0, NULL, '2026-11-27 14:19:23.825464+00', '01a21d60-0d31-776c-ac22-b8bf3fa3ba5f', NULL, NULL, 0, 100, 'import', NULL);

INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d60-0cec-7a9b-a86b-c954df3a07c0', 1, 20, 20, 20, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-a419-0a3dfc310835", "credits": 20}]', 'opening balance', 'legacy:public.user_credits:c1736092-2e8d-4b84-af3c-ce9e0d4063af:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xfa091fb63b3e8f89bbaaa0009df6ee75ebca72399980f42c72e5ea4f3cf4b0ff');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d60-0cec-7a9f-83ae-5c82797f0dce', 2, 5, 5, 25, '2026-11-27 14:19:23.756664+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9f-9615-2227f6fbdb03", "credits": 5}]', 'opening balance', 'legacy:public.user_credits:c1736092-2e8d-4b84-af3c-ce9e0d4063af:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x4dcf6b2b6a97463bc213c58c6f2eb4f7819b8fc11e0db1a09409685e46abdf73');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0cec-7a9b-8ad4-ad9382f6141d', 1, 30, 30, 30, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-aacb-158e74637005", "credits": 30}]', 'opening balance', 'legacy:public.user_credits:24ddaddd-9663-4a06-8102-2554234a055a:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x044cb036d93359f782571029d5007483e27aba7464d197f959e95264c9402e04');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000003', '01a21d60-0cec-7a9b-930f-6024c5d8406c', 1, 30, 30, 30, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-adc4-88bf58a0fe85", "credits": 30}]', 'opening balance', 'legacy:public.user_credits:f795da7b-a349-4f6c-893d-8772df01d86a:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x9b18feb1c1f856f80c1a51e744da4c091f1055773d5c21e7426c622deb4d14f1');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d60-0cec-7a9b-9768-5a15d8ff015a', 1, 31, 31, 31, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-bd77-96a019c7a1c1", "credits": 31}]', 'opening balance', 'legacy:public.user_credits:2853f0ab-a933-4e3c-a194-d49e601e5fea:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xc3eef928b9791f32d75ee12b6c25d74730784c91166938ba87cd5bdbbc09e461');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000005', '01a21d60-0cec-7a9b-8c69-0cabcb0a239b', 1, 44, 44, 44, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-b865-2d0709ad6cab", "credits": 44}]', 'opening balance', 'legacy:public.user_credits:c2b88d27-d478-4623-b683-2730ffe42263:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xf9c187505acb75f968251ebaf3f4ebe18c990155af8bb045c90b76521628c55f');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0cec-7a9b-9de6-e18d7fd8ac42', 1, 10, 10, 10, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-ad46-1c367ce6654c", "credits": 10}]', 'opening balance', 'legacy:public.user_credits:fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xebb7f94b3e97c329e688f791db19875adbbf299cac93dde07cb23621a0227d67');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0cec-7a9f-9043-7fd492c4de30', 2, 2, 2, 12, '2026-11-27 14:19:23.756664+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9f-8bef-ccf0ffe18b2a", "credits": 2}]', 'opening balance', 'legacy:public.user_credits:fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x35f90f44fe0ec2f6cc9b04ee7fceef1464f0422fcb1e79d2bc496a8b6dff3ed2');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d60-0cec-7a9b-81ad-4374e7e6b264', 1, 6, 6, 6, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-95e5-951ad1c6dff6", "credits": 6}]', 'opening balance', 'legacy:public.user_credits:74976de3-afe5-4eeb-af64-b8f5664c6f40:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x141a3daab49231e29522f05c99be6d009536d30c98e31d428ab231ca5345ab7b');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d60-0cec-7a9b-9595-02fa617a19c0', 1, 4, 4, 4, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-92f9-2a0b77032200", "credits": 4}]', 'opening balance', 'legacy:public.user_credits:af15a500-a6e1-44eb-8de2-6b6056bfc435:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xfa19a536183394c0a467e592135f635c9738f31479aae12f3582c88d41843528');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000a', '01a21d60-0cec-7a9b-83d4-aaa7234a1c1b', 1, 1, 1, 1, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-b2d7-df5cc9186cf7", "credits": 1}]', 'opening balance', 'legacy:public.user_credits:a44b66ce-7cda-4ea8-a0ba-344a476ecbd3:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xb03284e53ff3281b3d1dfe483dd58c777d79185ab13402ae2c097ed5207cea51');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000b', '01a21d60-0cec-7a9b-a3c9-0fce3efa8b45', 1, 2, 2, 2, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-853b-5e0229641bf2", "credits": 2}]', 'opening balance', 'legacy:public.user_credits:849aecdb-ce5d-43e6-927f-be37eeddd579:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xf24284a7bb47d4cb8edd6137ac908ab88c0bf47490cb1db9cb37991d1fc96566');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000c', '01a21d60-0cec-7a9b-a060-2cb28c4b8995', 1, 3, 3, 3, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-ad4d-412a46432724", "credits": 3}]', 'opening balance', 'legacy:public.user_credits:851251a4-82e0-46d5-8a1c-29cc55eb026d:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x16bcbc2bf0d08b442558e60c60bfee337953f644537a9a5efd6c356a45dcd1ce');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000d', '01a21d60-0cec-7a9b-8298-4c7ea6118787', 1, 8, 8, 8, '2026-11-27 14:19:23.756663+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0cec-7a9b-9e0a-14091a5f9927", "credits": 8}]', 'opening balance', 'legacy:public.user_credits:68e5e664-c0ca-4b4d-93b8-2cb6f93daae8:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xb41524416717d628c7dc5f237fe40c5c937c551d42bf4df73e469eecb573a623');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d28-71db-8c36-fc51c5bfb699', 2, 12, 12, 42, '2026-11-27 14:19:23.816116+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d28-71db-82b5-434ad6d48d95", "credits": 12}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a002', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x83ceb289eeca53746d68f8607bc2097844f23100493109c27a70842aa95c877f');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d28-71df-8d69-e68cb91afdd0', 3, -12, 12, 30, '2026-11-27 14:19:23.816117+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a002', NULL, '[{"lot_id": "01a21d60-0d28-71db-82b5-434ad6d48d95", "credits": -12}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a002:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x9f361f9cafa60aa71dd8327367c9e1994b505e017deaf9bfca5ff175a8065e31');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d2d-7178-8e22-192a33904c2a', 4, 8, 8, 38, '2026-11-27 14:19:23.821092+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d2d-7178-9cf7-d17a8adc5b25", "credits": 8}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a00d', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x1f5ab089d00d0f4d200c3b9672fb52a0d1d37f01d86081ee763cbce140ee07cf');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d60-0d2d-717c-b8fc-e6f4881db0cc', 5, -8, 8, 30, '2026-11-27 14:19:23.821093+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a00d', NULL, '[{"lot_id": "01a21d60-0d2d-7178-9cf7-d17a8adc5b25", "credits": -8}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a00d:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xd448d3c28000bd728d2aef0b060265fee0489255ea311ea4366a5df54b1698d6');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d60-0d2e-7a7a-9ba5-b38d51377f9c', 2, 19, 19, 50, '2026-11-27 14:19:23.822655+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d2e-7a7a-99d6-e8a963b84cc2", "credits": 19}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a004', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x442784d0f9c70bff81f0110e8edbeb55a8155b4739f9722ab393314cb396bdd2');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d60-0d2e-7a7e-9b5e-08f5b0c24057', 3, -19, 19, 31, '2026-11-27 14:19:23.822656+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a004', NULL, '[{"lot_id": "01a21d60-0d2e-7a7a-99d6-e8a963b84cc2", "credits": -19}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a004:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x63033dac1038a0bcb91671818261d047387271543d7dd9fd3d9c9c3b71191cdb');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0d2f-7d16-a45b-9852b5a6fd06', 3, 7, 7, 19, '2026-11-27 14:19:23.823818+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d2f-7d16-849a-6a8e0b57c663", "credits": 7}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a007', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xa8ba96646eaeda2e8854f27fa208b29075664ce9673f61ca68e20b46ce86c730');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d60-0d2f-7d1a-beaf-c82ddd21d485', 4, -7, 7, 12, '2026-11-27 14:19:23.823819+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a007', NULL, '[{"lot_id": "01a21d60-0d2f-7d16-849a-6a8e0b57c663", "credits": -7}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a007:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xabdfd317b67258cc2bb2a922fd24fb8e058a07b5bc15c7040ebecb452a05f763');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d60-0d30-7a0c-a980-18a4e8c49173', 2, 4, 4, 10, '2026-11-27 14:19:23.824628+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d30-7a0c-9ac5-1904a052b821", "credits": 4}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a008', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xf1685454a0507355d41edbb5637f217d2a551c0ce37c1460f7deb1d17fc5d0a1');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d60-0d30-7a10-ae56-fc18c863be88', 3, -4, 4, 6, '2026-11-27 14:19:23.824629+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a008', NULL, '[{"lot_id": "01a21d60-0d30-7a0c-9ac5-1904a052b821", "credits": -4}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a008:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xe9dec21d20433a55b131224bd7092b0e1dbcfed009c5c780960afeece14bbc77');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d60-0d31-776c-ac22-b8bf3fa3ba5f', 2, 6, 6, 10, '2026-11-27 14:19:23.825464+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d60-0d31-776c-b87d-01958e76d937", "credits": 6}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a009', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x77dac608f2497371c1522a71968c1aa544a03ab334291f982e2880a9a85242cb');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d60-0d31-7770-a859-d4b6cbdc04b8', 3, -6, 6, 4, '2026-11-27 14:19:23.825465+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a009', NULL, '[{"lot_id": "01a21d60-0d31-776c-b87d-01958e76d937", "credits": -6}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a009:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x6c090540a6debc39cb629493e8b3d4e14dfc68b70177858affdcb8c4d991e4d5');

INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', 1, 'success', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', 1, 'success', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00f', 1, 'success', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 12, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', 1, 'deadline', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 8, NULL, NULL, 'timeout', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 19, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', 1, 'failure', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 7, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', 1, 'started', NULL, true, false, '2026-11-27 14:19:23.812524+00', NULL, 4, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', 1, 'deadline', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 6, NULL, NULL, 'timeout', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', 1, 'success', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', 1, 'cancel', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, 'user_cancelled', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', 1, 'success', 'processing', true, false, '2026-11-27 14:19:23.812524+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);

INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-1', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a001", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', NULL, 0, 0, '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-same', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00e", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', '01a21d60-0d28-71df-8d69-e68cb91afdd0', 12, 12, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.812524+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-2', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a002", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', '01a21d60-0d2d-717c-b8fc-e6f4881db0cc', 8, 8, '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-27 14:19:23.812524+00', NULL, 1, 'timed_out', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-13', 'timeout', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00d", "table": "public.enhancement_tasks", "credits_charged": 8, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-3', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a003", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 12}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', '01a21d60-0d2e-7a7e-9b5e-08f5b0c24057', 19, 19, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.812524+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-4', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a004", "table": "public.enhancement_tasks", "credits_charged": 20, "credits_refunded": 1}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-5', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a005", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 4}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-6', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a006", "table": "public.enhancement_tasks", "credits_charged": 5, "credits_refunded": 5}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', '01a21d60-0d2f-7d1a-beaf-c82ddd21d485', 7, 7, '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-25 13:19:23.507221+00', '2026-11-27 14:19:23.812524+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-7', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a007", "table": "public.enhancement_tasks", "credits_charged": 7, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', '01a21d60-0d30-7a10-ae56-fc18c863be88', 4, 0, '2026-11-27 13:19:23.507221+00', '2026-11-27 15:19:23.812524+00', '2026-11-27 13:19:23.507221+00', NULL, NULL, NULL, 1, 'processing', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-8', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a008", "table": "public.enhancement_tasks", "credits_charged": 4, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', '01a21d60-0d31-7770-a859-d4b6cbdc04b8', 6, 6, '2026-11-24 14:19:23.507221+00', '2026-11-24 14:19:23.507221+00', '2026-11-24 14:19:23.507221+00', '2026-11-24 14:19:23.507221+00', '2026-11-27 14:19:23.812524+00', NULL, 1, 'timed_out', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-9', 'timeout', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a009", "table": "public.enhancement_tasks", "credits_charged": 6, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-10', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00a", "table": "public.enhancement_tasks", "credits_charged": 3, "credits_refunded": 3}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'cancelled', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-11', 'user_cancelled', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00b", "table": "public.enhancement_tasks", "credits_charged": 3, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', NULL, 0, 0, '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', '2026-11-25 12:19:23.507221+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-12', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00c", "table": "public.enhancement_tasks", "credits_charged": 0, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00f', NULL, 0, 0, '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', '2026-11-25 14:19:23.507221+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', NULL, NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00f", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 0}}');

INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000007', 'public.user_credits', '65bbbc08-28f8-4a8b-b881-384eb6915723', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', -5, 0, 100, NULL, NULL, 'legacy:public.user_credits:65bbbc08-28f8-4a8b-b881-384eb6915723:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000001', 'public.user_credits', 'c1736092-2e8d-4b84-af3c-ce9e0d4063af', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 20, 20, 100, NULL, '01a21d60-0cec-7a9b-a86b-c954df3a07c0', 'legacy:public.user_credits:c1736092-2e8d-4b84-af3c-ce9e0d4063af:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000001', 'public.user_credits', 'c1736092-2e8d-4b84-af3c-ce9e0d4063af', 'purchased_credits_balance', '2026-11-27 14:19:23.752768+00', NULL, 5, 5, 100, NULL, '01a21d60-0cec-7a9f-83ae-5c82797f0dce', 'legacy:public.user_credits:c1736092-2e8d-4b84-af3c-ce9e0d4063af:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000002', 'public.user_credits', '24ddaddd-9663-4a06-8102-2554234a055a', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 30, 30, 100, NULL, '01a21d60-0cec-7a9b-8ad4-ad9382f6141d', 'legacy:public.user_credits:24ddaddd-9663-4a06-8102-2554234a055a:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000003', 'public.user_credits', 'f795da7b-a349-4f6c-893d-8772df01d86a', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 30, 30, 100, NULL, '01a21d60-0cec-7a9b-930f-6024c5d8406c', 'legacy:public.user_credits:f795da7b-a349-4f6c-893d-8772df01d86a:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000004', 'public.user_credits', '2853f0ab-a933-4e3c-a194-d49e601e5fea', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 31, 31, 100, NULL, '01a21d60-0cec-7a9b-9768-5a15d8ff015a', 'legacy:public.user_credits:2853f0ab-a933-4e3c-a194-d49e601e5fea:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000005', 'public.user_credits', 'c2b88d27-d478-4623-b683-2730ffe42263', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 44, 44, 100, NULL, '01a21d60-0cec-7a9b-8c69-0cabcb0a239b', 'legacy:public.user_credits:c2b88d27-d478-4623-b683-2730ffe42263:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000006', 'public.user_credits', 'fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 10, 10, 100, NULL, '01a21d60-0cec-7a9b-9de6-e18d7fd8ac42', 'legacy:public.user_credits:fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000006', 'public.user_credits', 'fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08', 'purchased_credits_balance', '2026-11-27 14:19:23.752768+00', NULL, 2, 2, 100, NULL, '01a21d60-0cec-7a9f-9043-7fd492c4de30', 'legacy:public.user_credits:fbc8515d-2d65-4dc1-9d8b-7842ef0d5c08:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000008', 'public.user_credits', '74976de3-afe5-4eeb-af64-b8f5664c6f40', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 6, 6, 100, NULL, '01a21d60-0cec-7a9b-81ad-4374e7e6b264', 'legacy:public.user_credits:74976de3-afe5-4eeb-af64-b8f5664c6f40:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000009', 'public.user_credits', 'af15a500-a6e1-44eb-8de2-6b6056bfc435', 'purchased_credits_balance', '2026-11-27 14:19:23.752768+00', NULL, 4, 4, 100, NULL, '01a21d60-0cec-7a9b-9595-02fa617a19c0', 'legacy:public.user_credits:af15a500-a6e1-44eb-8de2-6b6056bfc435:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000a', 'public.user_credits', 'a44b66ce-7cda-4ea8-a0ba-344a476ecbd3', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 1, 1, 100, NULL, '01a21d60-0cec-7a9b-83d4-aaa7234a1c1b', 'legacy:public.user_credits:a44b66ce-7cda-4ea8-a0ba-344a476ecbd3:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000b', 'public.user_credits', '849aecdb-ce5d-43e6-927f-be37eeddd579', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 2, 2, 100, NULL, '01a21d60-0cec-7a9b-a3c9-0fce3efa8b45', 'legacy:public.user_credits:849aecdb-ce5d-43e6-927f-be37eeddd579:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000c', 'public.user_credits', '851251a4-82e0-46d5-8a1c-29cc55eb026d', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-24 14:19:23.507221+00', 3, 3, 100, NULL, '01a21d60-0cec-7a9b-a060-2cb28c4b8995', 'legacy:public.user_credits:851251a4-82e0-46d5-8a1c-29cc55eb026d:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000d', 'public.user_credits', '68e5e664-c0ca-4b4d-93b8-2cb6f93daae8', 'current_balance', '2026-11-27 14:19:23.752768+00', '2026-12-18 14:19:23.507221+00', 8, 8, 100, NULL, '01a21d60-0cec-7a9b-8298-4c7ea6118787', 'legacy:public.user_credits:68e5e664-c0ca-4b4d-93b8-2cb6f93daae8:current_balance');

INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-00000000000b', 'public.credit_transactions', '00f8d0aa-58ba-45b0-9cc1-26796906bbfa', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -3, NULL, 'charge', '00000000-0000-0000-0000-00000000a00b', '{"id": "00f8d0aa-58ba-45b0-9cc1-26796906bbfa", "status": "completed", "user_id": "00000000-0000-0000-0000-00000000000b", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 3, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00b", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '04f4b18b-7744-4635-9a8d-d1605bf755e6', '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, 2, NULL, 'refund', '00000000-0000-0000-0000-00000000a005', '{"id": "04f4b18b-7744-4635-9a8d-d1605bf755e6", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:19:23.507221+00:00", "credits_used": -2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000004', 'public.credit_transactions', '0972ac2e-7e59-46e2-b8b2-a10f9ac19090', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -20, NULL, 'charge', '00000000-0000-0000-0000-00000000a004', '{"id": "0972ac2e-7e59-46e2-b8b2-a10f9ac19090", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000004", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 20, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a004", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-00000000000a', 'public.credit_transactions', '169e21c3-dd98-4cc1-af87-96359d14815f', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -3, NULL, 'charge', '00000000-0000-0000-0000-00000000a00a', '{"id": "169e21c3-dd98-4cc1-af87-96359d14815f", "status": "completed", "user_id": "00000000-0000-0000-0000-00000000000a", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 3, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00a", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '35d266a5-9820-4e98-ac24-f596e9255bb7', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a005', '{"id": "35d266a5-9820-4e98-ac24-f596e9255bb7", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', '36727919-3927-46bb-aa24-a374555a14ad', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -5, NULL, 'charge', '00000000-0000-0000-0000-00000000a006', '{"id": "36727919-3927-46bb-aa24-a374555a14ad", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 5, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a006", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', '4512d1aa-4056-44c1-bcd1-8f4283a366ab', '2026-11-25 13:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -7, NULL, 'charge', '00000000-0000-0000-0000-00000000a007', '{"id": "4512d1aa-4056-44c1-bcd1-8f4283a366ab", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-25T13:19:23.507221+00:00", "credits_used": 7, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a007", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '4a8a9820-9fdd-41a1-812d-de025a346052', '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, 2, NULL, 'refund', '00000000-0000-0000-0000-00000000a005', '{"id": "4a8a9820-9fdd-41a1-812d-de025a346052", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:19:23.507221+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000002', 'public.credit_transactions', '5a70c8c2-e070-422d-91af-299066978e85', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a002', '{"id": "5a70c8c2-e070-422d-91af-299066978e85", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000002", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a002", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000003', 'public.credit_transactions', '79d55936-d01b-4912-94c9-65a1dfea370f', '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, 12, NULL, 'refund', '00000000-0000-0000-0000-00000000a003', '{"id": "79d55936-d01b-4912-94c9-65a1dfea370f", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000003", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:19:23.507221+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a003", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000003', 'public.credit_transactions', '811f24c8-0f16-45b5-b4fa-39ba97d26bf0', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a003', '{"id": "811f24c8-0f16-45b5-b4fa-39ba97d26bf0", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000003", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a003", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000008', 'public.credit_transactions', '87f948b3-8c59-451e-a86d-864c2ad9c522', '2026-11-27 13:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -4, NULL, 'charge', '00000000-0000-0000-0000-00000000a008', '{"id": "87f948b3-8c59-451e-a86d-864c2ad9c522", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000008", "cost_usd": null, "provider": null, "created_at": "2026-11-27T13:19:23.507221+00:00", "credits_used": 4, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a008", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', '8b65b438-5230-41f5-b7b3-78163e89b5a0', '2026-11-25 12:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a001', '{"id": "8b65b438-5230-41f5-b7b3-78163e89b5a0", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:19:23.507221+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a001", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', 'ad0d854d-4fc1-4c54-aac0-757b39e8ba17', '2026-11-25 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a00f', '{"id": "ad0d854d-4fc1-4c54-aac0-757b39e8ba17", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T14:19:23.507221+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00f", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000009', 'public.credit_transactions', 'ad428a01-a09c-406c-8646-d0000095e044', '2026-11-24 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -6, NULL, 'charge', '00000000-0000-0000-0000-00000000a009', '{"id": "ad428a01-a09c-406c-8646-d0000095e044", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000009", "cost_usd": null, "provider": null, "created_at": "2026-11-24T14:19:23.507221+00:00", "credits_used": 6, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a009", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', 'b448a49c-6d5f-4575-b1e2-b574ebdffe52', '2026-11-25 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a00e', '{"id": "b448a49c-6d5f-4575-b1e2-b574ebdffe52", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T14:19:23.507221+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00e", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000002', 'public.credit_transactions', 'c6d586b5-fe66-449d-8225-2455f80ceb84', '2026-11-25 13:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, -8, NULL, 'charge', '00000000-0000-0000-0000-00000000a00d', '{"id": "c6d586b5-fe66-449d-8225-2455f80ceb84", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000002", "cost_usd": null, "provider": null, "created_at": "2026-11-25T13:19:23.507221+00:00", "credits_used": 8, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00d", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', 'e4d3353b-923d-4bf9-9928-67a0ada8d217', '2026-11-27 14:19:23.507221+00', '2026-11-27 14:19:23.707431+00', NULL, 5, NULL, 'refund', NULL, '{"id": "e4d3353b-923d-4bf9-9928-67a0ada8d217", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:19:23.507221+00:00", "credits_used": -5, "moodboard_id": null, "error_message": null, "api_request_id": null, "enhancement_type": null, "transaction_type": "refund"}');

INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.user_credits', 'balances', '28c2c5b7758ff5baa0b6c6f40b7ad5316dfbab535419e7b232ed7edab8184ae1', 0, NULL, '899', '2026-11-27 14:19:23.77787+00', '2026-11-27 14:19:23.77787+00', '2026-11-27 14:19:23.77787+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.credit_transactions', 'history', '46a32476facc36560b94d61ae58e8fb662dd4b44092e47c76f2327c4953a828d', 18, 'e4d3353b-923d-4bf9-9928-67a0ada8d217', '899', '2026-11-27 14:19:23.698044+00', '2026-11-27 14:19:23.7144+00', '2026-11-27 14:19:23.779941+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.credit_refunds', 'refunds', '45ff4273b3e854adfbbbed0a0799b925790de72dec2b0db791ccdca2c0c3be10', 0, NULL, '899', '2026-11-27 14:19:23.781985+00', '2026-11-27 14:19:23.781985+00', '2026-11-27 14:19:23.781985+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.refund_audit_log', 'refunds', '20f8d710d5101d4d08324345fc52a160fdc759ec32c3847a95aab193ad775f21', 0, NULL, '899', '2026-11-27 14:19:23.790124+00', '2026-11-27 14:19:23.790125+00', '2026-11-27 14:19:23.790125+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.enhancement_tasks', 'tasks', 'fba00cdd08eadd4a36b8f89a33c1130c94f014f00b4871e1403fe2b5095865c9', 0, NULL, '899', '2026-11-27 14:19:23.795807+00', '2026-11-27 14:19:23.830792+00', '2026-11-27 14:19:23.795807+00');

INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-1', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-same', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-2', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-13', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-3', '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-4', '00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-5', '00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-6', '00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-7', '00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-8', '00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-9', '00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-10', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-11', '00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', '2026-11-27 14:19:23.812524+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-12', '00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', '2026-11-27 14:19:23.812524+00');
