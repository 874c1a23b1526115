-- A database that pgcredits 0.1.0 adopted, for the tests of upgrades: the photo platform of
-- the adoption's own tests, its tables closed, `adopt compat` in schema legacy, and what the
-- adoption wrote to the ledger. Recorded with pg_dump once, to be loaded over pgcredits-0.1.0.sql;
-- never edited.

set check_function_bodies = off;
delete from credits.plans;

CREATE SCHEMA auth;

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

CREATE TABLE auth.users (
    id uuid NOT NULL,
    email text
);

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

INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000001', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000002', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000003', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000004', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000005', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000006', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000007', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000008', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000009', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-00000000000a', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-00000000000b', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-00000000000c', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-00000000000d', NULL);
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-00000000000e', NULL);

INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('bd04c23f-1ec7-4527-8710-45ee6bf85889', 'fal_ai', 0, '2026-11-27 14:41:54.31707+00');
INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('1a82e0da-e73b-4caf-90cf-d567455fb2d3', 'nanobanana', 0, '2026-11-27 14:41:54.31707+00');
INSERT INTO public.credit_pools (id, provider, available_balance, updated_at) VALUES ('f89f3c0a-a0b7-4e4f-a110-5af96a5701c4', 'manual', 12.5, '2026-11-27 14:41:54.31707+00');

INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('09a3a390-fa90-409b-8d7a-a624e6fbc8e6', '00000000-0000-0000-0000-00000000a003', '00000000-0000-0000-0000-000000000003', 12, 'failed', NULL, NULL, NULL, '2026-11-27 14:41:54.390011+00');
INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('4c4792f9-9764-4a7e-9dc8-5fd64988f10b', '00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 2, 'failed', NULL, NULL, NULL, '2026-11-27 14:41:54.390011+00');
INSERT INTO public.credit_refunds (id, task_id, user_id, credits_refunded, reason, previous_balance, new_balance, platform_loss, created_at) VALUES ('2d79ad8f-d1fe-4a10-8a54-300a0f4e39cd', '00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 2, 'failed', NULL, NULL, NULL, '2026-11-27 14:41:54.390011+00');

INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('5c961f70-f636-4035-be39-4c45d39f6377', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a001', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('ea54c237-e26f-4b2f-9227-cf7c5bf3bf58', '00000000-0000-0000-0000-000000000002', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a002', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('a6f229bb-62f9-48c5-8042-f3fac601b8be', '00000000-0000-0000-0000-000000000003', NULL, 'usage', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a003', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('9ac0772f-4cec-42c6-b401-47e7aef75ebf', '00000000-0000-0000-0000-000000000004', NULL, 'usage', 20, NULL, NULL, '00000000-0000-0000-0000-00000000a004', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('984c0d7e-3822-43ca-b0d1-a6a55855339a', '00000000-0000-0000-0000-000000000005', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('e0f03c17-f0ce-43aa-b10e-083d0d2a99fb', '00000000-0000-0000-0000-000000000006', NULL, 'usage', 5, NULL, NULL, '00000000-0000-0000-0000-00000000a006', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('ea8d9bbb-ffe8-4056-96e0-0b553b5bef40', '00000000-0000-0000-0000-000000000006', NULL, 'usage', 7, NULL, NULL, '00000000-0000-0000-0000-00000000a007', NULL, 'completed', NULL, '2026-11-25 13:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('add363ca-07ea-43f0-8a51-a842ad0321ca', '00000000-0000-0000-0000-000000000008', NULL, 'usage', 4, NULL, NULL, '00000000-0000-0000-0000-00000000a008', NULL, 'completed', NULL, '2026-11-27 13:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('9467afa7-ba79-40e4-81ca-7eb9f823afb3', '00000000-0000-0000-0000-000000000009', NULL, 'usage', 6, NULL, NULL, '00000000-0000-0000-0000-00000000a009', NULL, 'completed', NULL, '2026-11-24 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('5aab8ae5-28d4-40f6-a5a4-b784f62a85e0', '00000000-0000-0000-0000-00000000000a', NULL, 'usage', 3, NULL, NULL, '00000000-0000-0000-0000-00000000a00a', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('9bdb128f-a13f-4e05-b633-62d45cc3462c', '00000000-0000-0000-0000-00000000000b', NULL, 'usage', 3, NULL, NULL, '00000000-0000-0000-0000-00000000a00b', NULL, 'completed', NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('82d8ccda-86d8-45ac-9a20-8f320008b4e3', '00000000-0000-0000-0000-000000000002', NULL, 'usage', 8, NULL, NULL, '00000000-0000-0000-0000-00000000a00d', NULL, 'completed', NULL, '2026-11-25 13:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('56d0b1d6-f3ae-46fa-b181-4a25e47832d2', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a00e', NULL, 'completed', NULL, '2026-11-25 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('50f383c9-a7ba-4dca-91e7-eb353b70860e', '00000000-0000-0000-0000-000000000001', NULL, 'usage', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a00f', NULL, 'completed', NULL, '2026-11-25 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('8dcf559d-5256-4d3e-b36a-c39b1e98c0d7', '00000000-0000-0000-0000-000000000003', NULL, 'refund', 12, NULL, NULL, '00000000-0000-0000-0000-00000000a003', NULL, 'completed', NULL, '2026-11-27 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('771fab47-43bf-4198-b4a3-50bc8b736746', '00000000-0000-0000-0000-000000000005', NULL, 'refund', -2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-27 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('9134888c-1904-44e4-813a-4c987341a75f', '00000000-0000-0000-0000-000000000005', NULL, 'refund', 2, NULL, NULL, '00000000-0000-0000-0000-00000000a005', NULL, 'completed', NULL, '2026-11-27 14:41:54.390011+00');
INSERT INTO public.credit_transactions (id, user_id, moodboard_id, transaction_type, credits_used, cost_usd, provider, api_request_id, enhancement_type, status, error_message, created_at) VALUES ('7ad6057e-e373-46ef-84e9-1d7b79a240e9', '00000000-0000-0000-0000-000000000006', NULL, 'refund', -5, NULL, NULL, NULL, NULL, 'completed', NULL, '2026-11-27 14:41:54.390011+00');

INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a001', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 12, 'Kling', 'p-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a002', '00000000-0000-0000-0000-000000000002', 'video', 'failed', 12, 'Kling', 'p-2', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a003', '00000000-0000-0000-0000-000000000003', 'video', 'failed', 12, 'Kling', 'p-3', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a004', '00000000-0000-0000-0000-000000000004', 'video', 'failed', 20, 'Kling', 'p-4', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, true, NULL, 1, NULL, '2026-11-27 13:41:54.390011+00', NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a005', '00000000-0000-0000-0000-000000000005', 'video', 'failed', 2, 'Kling', 'p-5', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, true, NULL, 2, NULL, '2026-11-27 13:41:54.390011+00', NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a006', '00000000-0000-0000-0000-000000000006', 'video', 'failed', 5, 'Kling', 'p-6', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a007', '00000000-0000-0000-0000-000000000006', 'video', 'failed', 7, 'Kling', 'p-7', NULL, NULL, NULL, 'internal_error', '<script>alert(1)</script>', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 13:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a008', '00000000-0000-0000-0000-000000000008', 'video', 'processing', 4, 'Kling', 'p-8', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-27 13:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a009', '00000000-0000-0000-0000-000000000009', 'video', 'processing', 6, 'Kling', 'p-9', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-24 14:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00a', '00000000-0000-0000-0000-00000000000a', 'video', 'completed', 3, 'Kling', 'p-10', NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 3, NULL, '2026-11-27 13:41:54.390011+00', NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00b', '00000000-0000-0000-0000-00000000000b', 'video', 'cancelled', 3, 'Kling', 'p-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00c', '00000000-0000-0000-0000-00000000000c', 'video', 'completed', 0, 'Kling', 'p-12', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 12:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00d', '00000000-0000-0000-0000-000000000002', 'video', 'timeout', 8, 'Kling', 'p-13', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 13:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00e', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 2, 'Kling', 'p-same', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 14:41:54.390011+00');
INSERT INTO public.enhancement_tasks (id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, api_task_id, cost_usd, provider_cost, error_type, error_message, failed_at, refunded, refund_status, refund_credits, refund_reason, refunded_at, refund_processed_at, prompt, result_url, created_at) VALUES ('00000000-0000-0000-0000-00000000a00f', '00000000-0000-0000-0000-000000000001', 'video', 'completed', 2, 'Kling', 'p-same', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-25 14:41:54.390011+00');

INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('timeout', true, 100);
INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('internal_error', true, 100);
INSERT INTO public.refund_policies (error_type, should_refund, refund_percentage) VALUES ('user_cancelled', false, 0);

INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('74906174-6487-4546-949b-de6fb0fe8d1b', '00000000-0000-0000-0000-000000000001', 'pro', 50, 20, 0, '2026-11-24 14:41:54.390011+00', 0, 5, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('bc238fa2-a54c-49b3-b831-382677c339e9', '00000000-0000-0000-0000-000000000002', 'pro', 50, 30, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('022379ee-f4b8-48bf-b1cc-10eede15ee36', '00000000-0000-0000-0000-000000000003', 'pro', 50, 30, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('25f953cf-1d9d-4a70-ac0d-5cc4a49d0f98', '00000000-0000-0000-0000-000000000004', 'pro', 50, 31, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('e3bb6b6b-ae29-46f3-8d36-69ddc08c963f', '00000000-0000-0000-0000-000000000005', 'pro', 50, 44, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('22e358ba-54f8-47db-a0c4-f0f745af0402', '00000000-0000-0000-0000-000000000006', 'pro', 50, 10, 0, '2026-11-24 14:41:54.390011+00', 0, 2, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('1fcfc073-7107-4f17-93fc-f1ca6b8b0a3f', '00000000-0000-0000-0000-000000000007', 'pro', 50, -5, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('10ff2192-3b61-4866-a0fc-842608d831e2', '00000000-0000-0000-0000-000000000008', 'pro', 50, 6, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('45943b15-948c-4022-a713-137a2949be54', '00000000-0000-0000-0000-000000000009', 'pro', 50, 0, 0, '2026-11-24 14:41:54.390011+00', 0, 4, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('90b83f17-11f5-47b0-85ba-e337000b2c41', '00000000-0000-0000-0000-00000000000a', 'pro', 50, 1, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('a9b435af-46e6-405a-99c9-7ba2e413905e', '00000000-0000-0000-0000-00000000000b', 'pro', 50, 2, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('d2e06ed8-70ff-4c25-bca0-73e9e7b6b6ce', '00000000-0000-0000-0000-00000000000c', 'pro', 50, 3, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('26ea064f-8c9b-49bd-9f81-cbf6230b7c74', '00000000-0000-0000-0000-00000000000d', 'pro', 50, 8, 0, '2026-10-18 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('eb9017cb-6b64-4615-a38f-3cb81c41df7e', '00000000-0000-0000-0000-00000000000e', 'pro', 50, 0, 0, '2026-11-24 14:41:54.390011+00', 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');
INSERT INTO public.user_credits (id, user_id, subscription_tier, monthly_allowance, current_balance, consumed_this_month, last_reset_at, lifetime_consumed, purchased_credits_balance, created_at, updated_at) VALUES ('b82ac62a-6b2c-4329-8b66-d746f885d121', NULL, NULL, NULL, 9, 0, NULL, 0, 0, '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.390011+00');

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

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

INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000001', 25, 2, '2026-11-27 14:41:54.655801+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-bd41-5e097ac612ae', 20, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x692340ad00e3f2f28faa619a30d79ae61a6d14f00cb312a59dfdfe564dd61666', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000003', 30, 1, '2026-11-27 14:41:54.6558+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-af0a-646d7220fb85', 30, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xd23c19fd39697b5b3024a22df27fb95c418ca84ff4b9c1fb8ab58f842ee11cd4', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000005', 44, 1, '2026-11-27 14:41:54.6558+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-8ebe-19a721bf5371', 44, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x42437f00b92a21b537160b49e135895b05ed96a780450bba0ac95a8fcd9827a3', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000007', 0, 0, NULL, NULL, NULL, 0, NULL, NULL, '2026-11-27 14:41:54.680451+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000a', 1, 1, '2026-11-27 14:41:54.6558+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-9d0e-af510ccefe31', 1, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x742d9592bc78b6be6a7bc46bf588e21d2b795e3cdcc3da946d54a4b0c0215517', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000b', 2, 1, '2026-11-27 14:41:54.6558+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-a68f-263de1091dcf', 2, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xc8d3826e15871d3b0655986fae3d0fccaba061c477f7b0a8df860f16f4aea49c', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000c', 3, 1, '2026-11-27 14:41:54.6558+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-820c-338d12a38ce7', 3, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xf05426eb4344936e7b91d5c61da4c4a279ad5edece9b7798e4e428757facd4bd', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000d', 8, 1, '2026-11-27 14:41:54.6558+00', '2026-12-18 14:41:54.390011+00', '01a21d74-a9df-7ccc-b4ec-de195161550f', 8, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x5f0a20c310b56a0bd798ccfc3fbcc0d1bbb79a824861ab421b19c49f03a42260', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000002', 30, 5, '2026-11-27 14:41:54.7602+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-ab86-1ed10fce1f3a', 30, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xf6405deb5ee5f557a69e2c2e052734faa6b8431e0eb5c66e7ef7aa05adf9f918', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000004', 31, 3, '2026-11-27 14:41:54.766279+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-ba3d-e917c321e2da', 31, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xcd8dcc4587421135a8e4dbbb67da762d680fb761ca6c78bb76c1739095a1c19c', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000006', 12, 4, '2026-11-27 14:41:54.768368+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-beab-168761a6a18c', 10, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xae9139f8b7548fb3e4244a14be667708a860790850c9221e56a6c7ea2f463b41', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000008', 6, 3, '2026-11-27 14:41:54.773775+00', '2026-12-24 14:41:54.390011+00', '01a21d74-a9df-7ccc-885a-ea01c539cb7b', 6, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xcffa88c28ec4fc1a38af9c41fecfd5d4c40a8c1f167f0bfb496183e452a48017', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-000000000009', 4, 3, '2026-11-27 14:41:54.774739+00', NULL, '01a21d74-a9df-7ccc-a74a-866388026be8', 4, NULL, NULL, '2026-11-27 14:41:54.655799+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\xe7339ad540db94e26d03846e9f1cd8b8e0c0f987bcc657f23b7426ba6aba9aae', 'pro', NULL);
INSERT INTO credits.user_credits (user_id, balance, last_seq, last_entry_at, next_expiry_at, current_lot_id, current_lot_remaining, low_balance_threshold, frozen_at, created_at, updated_at, allowance_credits, allowance_month, has_keyed_revocations, ledger_head, plan, frozen_reason) VALUES ('00000000-0000-0000-0000-00000000000e', 0, 0, NULL, NULL, NULL, 0, NULL, NULL, '2026-11-27 14:41:54.680451+00', '2026-11-27 14:41:54.680451+00', 50, '2026-11-01', false, '\x', 'pro', NULL);

INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d74-a9df-7ccc-bd41-5e097ac612ae', 20, 20, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-9b56-8be3744b1bbb', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d74-a9df-7cd0-88a1-f11e8b3c2ec6', 5, 5, NULL, '2026-11-27 14:41:54.655801+00', '01a21d74-a9df-7cd0-91d0-823e7c4c5d30', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-a9df-7ccc-ab86-1ed10fce1f3a', 30, 30, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-bb1a-487f34730ff9', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000003', '01a21d74-a9df-7ccc-af0a-646d7220fb85', 30, 30, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-9d3e-7f6d86a6824f', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d74-a9df-7ccc-ba3d-e917c321e2da', 31, 31, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-afc7-cd850d00943d', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000005', '01a21d74-a9df-7ccc-8ebe-19a721bf5371', 44, 44, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-89da-a8c781c0457e', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-a9df-7ccc-beab-168761a6a18c', 10, 10, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-86f3-3d6d7db28e57', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-a9df-7cd0-8b0f-3b24f90c55a3', 2, 2, NULL, '2026-11-27 14:41:54.655801+00', '01a21d74-a9df-7cd0-af8a-1cf66a75614b', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d74-a9df-7ccc-885a-ea01c539cb7b', 6, 6, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-a990-bc9aca547dc4', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d74-a9df-7ccc-a74a-866388026be8', 4, 4, NULL, '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-8f26-22f1e108999b', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000a', '01a21d74-a9df-7ccc-9d0e-af510ccefe31', 1, 1, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-8cb0-b15a1a39ee23', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000b', '01a21d74-a9df-7ccc-a68f-263de1091dcf', 2, 2, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-93f3-d3ef395a086b', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000c', '01a21d74-a9df-7ccc-820c-338d12a38ce7', 3, 3, '2026-12-24 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-b591-651d365bf2b3', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-00000000000d', '01a21d74-a9df-7ccc-b4ec-de195161550f', 8, 8, '2026-12-18 14:41:54.390011+00', '2026-11-27 14:41:54.6558+00', '01a21d74-a9df-7ccc-80d9-7822a849e274', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa44-7e3d-8820-06667565f030', 12, 0, NULL, '2026-11-27 14:41:54.75689+00', '01a21d74-aa44-7e3d-9f1b-ebe0ca2ca7a5', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa48-732f-8e09-38949ffc4d9d', 8, 0, NULL, '2026-11-27 14:41:54.760199+00', '01a21d74-aa48-732f-b262-92802eb3dcf8', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d74-aa4e-7472-ab14-4cd963435752', 19, 0, NULL, '2026-11-27 14:41:54.766278+00', '01a21d74-aa4e-7472-84b1-f8b066741870', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-aa50-75df-a58e-ea5ae818d1c0', 7, 0, NULL, '2026-11-27 14:41:54.768367+00', '01a21d74-aa50-75df-93c1-5109a142aca2', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d74-aa55-7c62-9e81-e36fa01ae7d2', 4, 0, NULL, '2026-11-27 14:41:54.773774+00', '01a21d74-aa55-7c62-aa8c-40eb736ce10e', NULL, NULL, 0, 100, 'import', NULL);
INSERT INTO credits.credit_lots (user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id, origin_lot_id, renewable_until, revoked_owed, priority, source, unit_price_usd) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d74-aa56-7bce-8c68-0588b365d749', 6, 0, NULL, '2026-11-27 14:41:54.774738+00', '01a21d74-aa56-7bce-97b3-729c1c83afe1', NULL, NULL, 0, 100, 'import', NULL);

INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d74-a9df-7ccc-9b56-8be3744b1bbb', 1, 20, 20, 20, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-bd41-5e097ac612ae", "credits": 20}]', 'opening balance', 'legacy:public.user_credits:74906174-6487-4546-949b-de6fb0fe8d1b:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xd73ab4e2cb1bb424c8606a7c8f32e926ca61efa994d96fa407d92d9b221a5eeb');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000001', '01a21d74-a9df-7cd0-91d0-823e7c4c5d30', 2, 5, 5, 25, '2026-11-27 14:41:54.655801+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7cd0-88a1-f11e8b3c2ec6", "credits": 5}]', 'opening balance', 'legacy:public.user_credits:74906174-6487-4546-949b-de6fb0fe8d1b:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x692340ad00e3f2f28faa619a30d79ae61a6d14f00cb312a59dfdfe564dd61666');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-a9df-7ccc-bb1a-487f34730ff9', 1, 30, 30, 30, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-ab86-1ed10fce1f3a", "credits": 30}]', 'opening balance', 'legacy:public.user_credits:bc238fa2-a54c-49b3-b831-382677c339e9:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xe0f2bc1931283195ced2e0266519155c93d102c6965138d80219904edd92c285');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000003', '01a21d74-a9df-7ccc-9d3e-7f6d86a6824f', 1, 30, 30, 30, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-af0a-646d7220fb85", "credits": 30}]', 'opening balance', 'legacy:public.user_credits:022379ee-f4b8-48bf-b1cc-10eede15ee36:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xd23c19fd39697b5b3024a22df27fb95c418ca84ff4b9c1fb8ab58f842ee11cd4');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d74-a9df-7ccc-afc7-cd850d00943d', 1, 31, 31, 31, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-ba3d-e917c321e2da", "credits": 31}]', 'opening balance', 'legacy:public.user_credits:25f953cf-1d9d-4a70-ac0d-5cc4a49d0f98:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xe9ba605de46d095f426abbef67c7760efb078d78ea3eabd47b36b4426b60592f');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000005', '01a21d74-a9df-7ccc-89da-a8c781c0457e', 1, 44, 44, 44, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-8ebe-19a721bf5371", "credits": 44}]', 'opening balance', 'legacy:public.user_credits:e3bb6b6b-ae29-46f3-8d36-69ddc08c963f:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x42437f00b92a21b537160b49e135895b05ed96a780450bba0ac95a8fcd9827a3');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-a9df-7ccc-86f3-3d6d7db28e57', 1, 10, 10, 10, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-beab-168761a6a18c", "credits": 10}]', 'opening balance', 'legacy:public.user_credits:22e358ba-54f8-47db-a0c4-f0f745af0402:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x3dc9a8bded5dbdf60d475bacd0aa4601cbedb75ec405973c95d0dddd1acc3c04');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-a9df-7cd0-af8a-1cf66a75614b', 2, 2, 2, 12, '2026-11-27 14:41:54.655801+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7cd0-8b0f-3b24f90c55a3", "credits": 2}]', 'opening balance', 'legacy:public.user_credits:22e358ba-54f8-47db-a0c4-f0f745af0402:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xba477ca628027ad7940ca6f1553a2089ee7ed2f5513bedc1c3d7668965b85525');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d74-a9df-7ccc-a990-bc9aca547dc4', 1, 6, 6, 6, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-885a-ea01c539cb7b", "credits": 6}]', 'opening balance', 'legacy:public.user_credits:10ff2192-3b61-4866-a0fc-842608d831e2:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x519e88e8e7f4e7461ea0536e91656c7d41a7bafa3991025e5785ab1ab4e40a8e');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d74-a9df-7ccc-8f26-22f1e108999b', 1, 4, 4, 4, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-a74a-866388026be8", "credits": 4}]', 'opening balance', 'legacy:public.user_credits:45943b15-948c-4022-a713-137a2949be54:purchased_credits_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xab1735b3e810a23eebc800ef713439e6f23f9877239277abdc743a001a56570a');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000a', '01a21d74-a9df-7ccc-8cb0-b15a1a39ee23', 1, 1, 1, 1, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-9d0e-af510ccefe31", "credits": 1}]', 'opening balance', 'legacy:public.user_credits:90b83f17-11f5-47b0-85ba-e337000b2c41:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x742d9592bc78b6be6a7bc46bf588e21d2b795e3cdcc3da946d54a4b0c0215517');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000b', '01a21d74-a9df-7ccc-93f3-d3ef395a086b', 1, 2, 2, 2, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-a68f-263de1091dcf", "credits": 2}]', 'opening balance', 'legacy:public.user_credits:a9b435af-46e6-405a-99c9-7ba2e413905e:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xc8d3826e15871d3b0655986fae3d0fccaba061c477f7b0a8df860f16f4aea49c');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000c', '01a21d74-a9df-7ccc-b591-651d365bf2b3', 1, 3, 3, 3, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-820c-338d12a38ce7", "credits": 3}]', 'opening balance', 'legacy:public.user_credits:d2e06ed8-70ff-4c25-bca0-73e9e7b6b6ce:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\xf05426eb4344936e7b91d5c61da4c4a279ad5edece9b7798e4e428757facd4bd');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-00000000000d', '01a21d74-a9df-7ccc-80d9-7822a849e274', 1, 8, 8, 8, '2026-11-27 14:41:54.6558+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-a9df-7ccc-b4ec-de195161550f", "credits": 8}]', 'opening balance', 'legacy:public.user_credits:26ea064f-8c9b-49bd-9f81-cbf6230b7c74:current_balance', '{}', '\xb114066ad4c5631427581ed4dbd662e9675f1bb560fec5c0e72719584f809e81', '\x5f0a20c310b56a0bd798ccfc3fbcc0d1bbb79a824861ab421b19c49f03a42260');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa44-7e3d-9f1b-ebe0ca2ca7a5', 2, 12, 12, 42, '2026-11-27 14:41:54.75689+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa44-7e3d-8820-06667565f030", "credits": 12}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a002', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x4459b2dbdb856648b36047e08fb1f4d5d01d420e0e1d2f0e7bf0b46b44059095');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa44-7e41-8050-c8d00fefcb1f', 3, -12, 12, 30, '2026-11-27 14:41:54.756891+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a002', NULL, '[{"lot_id": "01a21d74-aa44-7e3d-8820-06667565f030", "credits": -12}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a002:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x7caa4a97f8d4ed52b2bf21cef044b26341a5027c0926496639985ee5b9ed5754');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa48-732f-b262-92802eb3dcf8', 4, 8, 8, 38, '2026-11-27 14:41:54.760199+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa48-732f-8e09-38949ffc4d9d", "credits": 8}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a00d', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x0b0b1f44e243e3f7fc09583bbc6ed531ca3c6d7b700c92d9f8ea1eba6e59c2c8');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000002', '01a21d74-aa48-7333-8fbf-4f76fd53a850', 5, -8, 8, 30, '2026-11-27 14:41:54.7602+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a00d', NULL, '[{"lot_id": "01a21d74-aa48-732f-8e09-38949ffc4d9d", "credits": -8}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a00d:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xf6405deb5ee5f557a69e2c2e052734faa6b8431e0eb5c66e7ef7aa05adf9f918');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d74-aa4e-7472-84b1-f8b066741870', 2, 19, 19, 50, '2026-11-27 14:41:54.766278+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa4e-7472-ab14-4cd963435752", "credits": 19}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a004', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x68d14c36641a265f45ac33974c821f4741ed3236641f6a2928f7fd4c24d415cd');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000004', '01a21d74-aa4e-7476-957c-a3db7006bf95', 3, -19, 19, 31, '2026-11-27 14:41:54.766279+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a004', NULL, '[{"lot_id": "01a21d74-aa4e-7472-ab14-4cd963435752", "credits": -19}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a004:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xcd8dcc4587421135a8e4dbbb67da762d680fb761ca6c78bb76c1739095a1c19c');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-aa50-75df-93c1-5109a142aca2', 3, 7, 7, 19, '2026-11-27 14:41:54.768367+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa50-75df-a58e-ea5ae818d1c0", "credits": 7}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a007', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xbdbe59917130cf3f9b014ccdfaa4bb0e355a3a9d804247dc2f1bb340e2739ca7');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000006', '01a21d74-aa50-75e3-9ba6-b721aa4b4d38', 4, -7, 7, 12, '2026-11-27 14:41:54.768368+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a007', NULL, '[{"lot_id": "01a21d74-aa50-75df-a58e-ea5ae818d1c0", "credits": -7}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a007:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xae9139f8b7548fb3e4244a14be667708a860790850c9221e56a6c7ea2f463b41');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d74-aa55-7c62-aa8c-40eb736ce10e', 2, 4, 4, 10, '2026-11-27 14:41:54.773774+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa55-7c62-9e81-e36fa01ae7d2", "credits": 4}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a008', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\x5410fb0ee58b130ce53bc3bce4d06c0d062e0e3925031f511f9d8c01e0b565c4');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000008', '01a21d74-aa55-7c66-9339-f033a30386c2', 3, -4, 4, 6, '2026-11-27 14:41:54.773775+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a008', NULL, '[{"lot_id": "01a21d74-aa55-7c62-9e81-e36fa01ae7d2", "credits": -4}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a008:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xcffa88c28ec4fc1a38af9c41fecfd5d4c40a8c1f167f0bfb496183e452a48017');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d74-aa56-7bce-97b3-729c1c83afe1', 2, 6, 6, 10, '2026-11-27 14:41:54.774738+00', NULL, 'grant', 'import', NULL, NULL, NULL, NULL, '[{"lot_id": "01a21d74-aa56-7bce-8c68-0588b365d749", "credits": 6}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a009', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xe4d18eeb3664b5870a4638371e29e15308ad67da58fd073443ce44860bd8c835');
INSERT INTO credits.credit_transactions (user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at, redacted_at, transaction_type, source, refund_of, revocation_of, generation_id, cost_usd, allocations, reason, idempotency_key, metadata, content_digest, entry_hash) VALUES ('00000000-0000-0000-0000-000000000009', '01a21d74-aa56-7bd2-822a-ddfdb6cfaa0d', 3, -6, 6, 4, '2026-11-27 14:41:54.774739+00', NULL, 'deduction', NULL, NULL, NULL, '00000000-0000-0000-0000-00000000a009', NULL, '[{"lot_id": "01a21d74-aa56-7bce-8c68-0588b365d749", "credits": -6}]', 'charged in the older system', 'legacy:public.enhancement_tasks:00000000-0000-0000-0000-00000000a009:charge', '{}', '\x634296e84d08d8ee571c34036ced6bd04376b8bc843623a4b26917715b2bf443', '\xe7339ad540db94e26d03846e9f1cd8b8e0c0f987bcc657f23b7426ba6aba9aae');

INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', 1, 'success', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', 1, 'success', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00f', 1, 'success', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 12, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', 1, 'deadline', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 8, NULL, NULL, 'timeout', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 19, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', 1, 'failure', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 7, NULL, NULL, 'internal_error', 'imported', '<script>alert(1)</script>', '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', 1, 'started', NULL, true, false, '2026-11-27 14:41:54.754237+00', NULL, 4, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', 1, 'deadline', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 6, NULL, NULL, 'timeout', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', 1, 'success', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', 1, 'cancel', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, 'user_cancelled', 'imported', NULL, '{}', NULL);
INSERT INTO credits.generation_events (user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at, redacted_at, credits, cost_usd, provider_billed, error_type, code, message, payload, dropped) VALUES ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', 1, 'success', 'processing', true, false, '2026-11-27 14:41:54.754237+00', NULL, 0, NULL, NULL, NULL, 'imported', NULL, '{}', NULL);

INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-1', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a001", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', NULL, 0, 0, '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-same', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00e", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', '01a21d74-aa44-7e41-8050-c8d00fefcb1f', 12, 12, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.754237+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-2', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a002", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', '01a21d74-aa48-7333-8fbf-4f76fd53a850', 8, 8, '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-27 14:41:54.754237+00', NULL, 1, 'timed_out', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-13', 'timeout', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00d", "table": "public.enhancement_tasks", "credits_charged": 8, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-3', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a003", "table": "public.enhancement_tasks", "credits_charged": 12, "credits_refunded": 12}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', '01a21d74-aa4e-7476-957c-a3db7006bf95', 19, 19, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.754237+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-4', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a004", "table": "public.enhancement_tasks", "credits_charged": 20, "credits_refunded": 1}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-5', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a005", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 4}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'failed', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-6', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a006", "table": "public.enhancement_tasks", "credits_charged": 5, "credits_refunded": 5}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', '01a21d74-aa50-75e3-9ba6-b721aa4b4d38', 7, 7, '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-25 13:41:54.390011+00', '2026-11-27 14:41:54.754237+00', NULL, 1, 'failed', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-7', 'internal_error', NULL, '<script>alert(1)</script>', '{"imported": {"id": "00000000-0000-0000-0000-00000000a007", "table": "public.enhancement_tasks", "credits_charged": 7, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', '01a21d74-aa55-7c66-9339-f033a30386c2', 4, 0, '2026-11-27 13:41:54.390011+00', '2026-11-27 15:41:54.754237+00', '2026-11-27 13:41:54.390011+00', NULL, NULL, NULL, 1, 'processing', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-8', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a008", "table": "public.enhancement_tasks", "credits_charged": 4, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', '01a21d74-aa56-7bd2-822a-ddfdb6cfaa0d', 6, 6, '2026-11-24 14:41:54.390011+00', '2026-11-24 14:41:54.390011+00', '2026-11-24 14:41:54.390011+00', '2026-11-24 14:41:54.390011+00', '2026-11-27 14:41:54.754237+00', NULL, 1, 'timed_out', NULL, true, NULL, NULL, NULL, 'kling', 'video', 'p-9', 'timeout', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a009", "table": "public.enhancement_tasks", "credits_charged": 6, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-10', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00a", "table": "public.enhancement_tasks", "credits_charged": 3, "credits_refunded": 3}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'cancelled', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-11', 'user_cancelled', NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00b", "table": "public.enhancement_tasks", "credits_charged": 3, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', NULL, 0, 0, '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', '2026-11-25 12:41:54.390011+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', 'p-12', NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00c", "table": "public.enhancement_tasks", "credits_charged": 0, "credits_refunded": 0}}');
INSERT INTO credits.generations (user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits, created_at, deadline_at, submitted_at, finished_at, refund_owed_since, refund_tried_at, last_event_no, status, provider_billed, owed_review, retry_of, quoted_cost_usd, cost_usd, provider, generation_type, provider_task_id, error_type, error_code, error_message, metadata) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00f', NULL, 0, 0, '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', '2026-11-25 14:41:54.390011+00', NULL, NULL, 1, 'succeeded', NULL, false, NULL, NULL, NULL, 'kling', 'video', NULL, NULL, NULL, NULL, '{"imported": {"id": "00000000-0000-0000-0000-00000000a00f", "table": "public.enhancement_tasks", "credits_charged": 2, "credits_refunded": 0}}');

INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000007', 'public.user_credits', '1fcfc073-7107-4f17-93fc-f1ca6b8b0a3f', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', -5, 0, 100, NULL, NULL, 'legacy:public.user_credits:1fcfc073-7107-4f17-93fc-f1ca6b8b0a3f:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000001', 'public.user_credits', '74906174-6487-4546-949b-de6fb0fe8d1b', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 20, 20, 100, NULL, '01a21d74-a9df-7ccc-9b56-8be3744b1bbb', 'legacy:public.user_credits:74906174-6487-4546-949b-de6fb0fe8d1b:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000001', 'public.user_credits', '74906174-6487-4546-949b-de6fb0fe8d1b', 'purchased_credits_balance', '2026-11-27 14:41:54.654431+00', NULL, 5, 5, 100, NULL, '01a21d74-a9df-7cd0-91d0-823e7c4c5d30', 'legacy:public.user_credits:74906174-6487-4546-949b-de6fb0fe8d1b:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000002', 'public.user_credits', 'bc238fa2-a54c-49b3-b831-382677c339e9', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 30, 30, 100, NULL, '01a21d74-a9df-7ccc-bb1a-487f34730ff9', 'legacy:public.user_credits:bc238fa2-a54c-49b3-b831-382677c339e9:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000003', 'public.user_credits', '022379ee-f4b8-48bf-b1cc-10eede15ee36', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 30, 30, 100, NULL, '01a21d74-a9df-7ccc-9d3e-7f6d86a6824f', 'legacy:public.user_credits:022379ee-f4b8-48bf-b1cc-10eede15ee36:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000004', 'public.user_credits', '25f953cf-1d9d-4a70-ac0d-5cc4a49d0f98', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 31, 31, 100, NULL, '01a21d74-a9df-7ccc-afc7-cd850d00943d', 'legacy:public.user_credits:25f953cf-1d9d-4a70-ac0d-5cc4a49d0f98:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000005', 'public.user_credits', 'e3bb6b6b-ae29-46f3-8d36-69ddc08c963f', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 44, 44, 100, NULL, '01a21d74-a9df-7ccc-89da-a8c781c0457e', 'legacy:public.user_credits:e3bb6b6b-ae29-46f3-8d36-69ddc08c963f:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000006', 'public.user_credits', '22e358ba-54f8-47db-a0c4-f0f745af0402', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 10, 10, 100, NULL, '01a21d74-a9df-7ccc-86f3-3d6d7db28e57', 'legacy:public.user_credits:22e358ba-54f8-47db-a0c4-f0f745af0402:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000006', 'public.user_credits', '22e358ba-54f8-47db-a0c4-f0f745af0402', 'purchased_credits_balance', '2026-11-27 14:41:54.654431+00', NULL, 2, 2, 100, NULL, '01a21d74-a9df-7cd0-af8a-1cf66a75614b', 'legacy:public.user_credits:22e358ba-54f8-47db-a0c4-f0f745af0402:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000008', 'public.user_credits', '10ff2192-3b61-4866-a0fc-842608d831e2', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 6, 6, 100, NULL, '01a21d74-a9df-7ccc-a990-bc9aca547dc4', 'legacy:public.user_credits:10ff2192-3b61-4866-a0fc-842608d831e2:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-000000000009', 'public.user_credits', '45943b15-948c-4022-a713-137a2949be54', 'purchased_credits_balance', '2026-11-27 14:41:54.654431+00', NULL, 4, 4, 100, NULL, '01a21d74-a9df-7ccc-8f26-22f1e108999b', 'legacy:public.user_credits:45943b15-948c-4022-a713-137a2949be54:purchased_credits_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000a', 'public.user_credits', '90b83f17-11f5-47b0-85ba-e337000b2c41', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 1, 1, 100, NULL, '01a21d74-a9df-7ccc-8cb0-b15a1a39ee23', 'legacy:public.user_credits:90b83f17-11f5-47b0-85ba-e337000b2c41:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000b', 'public.user_credits', 'a9b435af-46e6-405a-99c9-7ba2e413905e', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 2, 2, 100, NULL, '01a21d74-a9df-7ccc-93f3-d3ef395a086b', 'legacy:public.user_credits:a9b435af-46e6-405a-99c9-7ba2e413905e:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000c', 'public.user_credits', 'd2e06ed8-70ff-4c25-bca0-73e9e7b6b6ce', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-24 14:41:54.390011+00', 3, 3, 100, NULL, '01a21d74-a9df-7ccc-b591-651d365bf2b3', 'legacy:public.user_credits:d2e06ed8-70ff-4c25-bca0-73e9e7b6b6ce:current_balance');
INSERT INTO credits.imported_balances (user_id, source_table, source_id, bucket, imported_at, expires_at, found, granted, priority, unit_price_usd, transaction_id, idempotency_key) VALUES ('00000000-0000-0000-0000-00000000000d', 'public.user_credits', '26ea064f-8c9b-49bd-9f81-cbf6230b7c74', 'current_balance', '2026-11-27 14:41:54.654431+00', '2026-12-18 14:41:54.390011+00', 8, 8, 100, NULL, '01a21d74-a9df-7ccc-80d9-7822a849e274', 'legacy:public.user_credits:26ea064f-8c9b-49bd-9f81-cbf6230b7c74:current_balance');

INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', '50f383c9-a7ba-4dca-91e7-eb353b70860e', '2026-11-25 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a00f', '{"id": "50f383c9-a7ba-4dca-91e7-eb353b70860e", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T14:41:54.390011+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00f", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', '56d0b1d6-f3ae-46fa-b181-4a25e47832d2', '2026-11-25 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a00e', '{"id": "56d0b1d6-f3ae-46fa-b181-4a25e47832d2", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T14:41:54.390011+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00e", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-00000000000a', 'public.credit_transactions', '5aab8ae5-28d4-40f6-a5a4-b784f62a85e0', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -3, NULL, 'charge', '00000000-0000-0000-0000-00000000a00a', '{"id": "5aab8ae5-28d4-40f6-a5a4-b784f62a85e0", "status": "completed", "user_id": "00000000-0000-0000-0000-00000000000a", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 3, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00a", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000001', 'public.credit_transactions', '5c961f70-f636-4035-be39-4c45d39f6377', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a001', '{"id": "5c961f70-f636-4035-be39-4c45d39f6377", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000001", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a001", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '771fab47-43bf-4198-b4a3-50bc8b736746', '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, 2, NULL, 'refund', '00000000-0000-0000-0000-00000000a005', '{"id": "771fab47-43bf-4198-b4a3-50bc8b736746", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:41:54.390011+00:00", "credits_used": -2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', '7ad6057e-e373-46ef-84e9-1d7b79a240e9', '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, 5, NULL, 'refund', NULL, '{"id": "7ad6057e-e373-46ef-84e9-1d7b79a240e9", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:41:54.390011+00:00", "credits_used": -5, "moodboard_id": null, "error_message": null, "api_request_id": null, "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000002', 'public.credit_transactions', '82d8ccda-86d8-45ac-9a20-8f320008b4e3', '2026-11-25 13:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -8, NULL, 'charge', '00000000-0000-0000-0000-00000000a00d', '{"id": "82d8ccda-86d8-45ac-9a20-8f320008b4e3", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000002", "cost_usd": null, "provider": null, "created_at": "2026-11-25T13:41:54.390011+00:00", "credits_used": 8, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00d", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000003', 'public.credit_transactions', '8dcf559d-5256-4d3e-b36a-c39b1e98c0d7', '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, 12, NULL, 'refund', '00000000-0000-0000-0000-00000000a003', '{"id": "8dcf559d-5256-4d3e-b36a-c39b1e98c0d7", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000003", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:41:54.390011+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a003", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '9134888c-1904-44e4-813a-4c987341a75f', '2026-11-27 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, 2, NULL, 'refund', '00000000-0000-0000-0000-00000000a005', '{"id": "9134888c-1904-44e4-813a-4c987341a75f", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-27T14:41:54.390011+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "refund"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000009', 'public.credit_transactions', '9467afa7-ba79-40e4-81ca-7eb9f823afb3', '2026-11-24 14:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -6, NULL, 'charge', '00000000-0000-0000-0000-00000000a009', '{"id": "9467afa7-ba79-40e4-81ca-7eb9f823afb3", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000009", "cost_usd": null, "provider": null, "created_at": "2026-11-24T14:41:54.390011+00:00", "credits_used": 6, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a009", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000005', 'public.credit_transactions', '984c0d7e-3822-43ca-b0d1-a6a55855339a', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -2, NULL, 'charge', '00000000-0000-0000-0000-00000000a005', '{"id": "984c0d7e-3822-43ca-b0d1-a6a55855339a", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000005", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 2, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a005", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000004', 'public.credit_transactions', '9ac0772f-4cec-42c6-b401-47e7aef75ebf', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -20, NULL, 'charge', '00000000-0000-0000-0000-00000000a004', '{"id": "9ac0772f-4cec-42c6-b401-47e7aef75ebf", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000004", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 20, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a004", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-00000000000b', 'public.credit_transactions', '9bdb128f-a13f-4e05-b633-62d45cc3462c', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -3, NULL, 'charge', '00000000-0000-0000-0000-00000000a00b', '{"id": "9bdb128f-a13f-4e05-b633-62d45cc3462c", "status": "completed", "user_id": "00000000-0000-0000-0000-00000000000b", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 3, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a00b", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000003', 'public.credit_transactions', 'a6f229bb-62f9-48c5-8042-f3fac601b8be', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a003', '{"id": "a6f229bb-62f9-48c5-8042-f3fac601b8be", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000003", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a003", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000008', 'public.credit_transactions', 'add363ca-07ea-43f0-8a51-a842ad0321ca', '2026-11-27 13:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -4, NULL, 'charge', '00000000-0000-0000-0000-00000000a008', '{"id": "add363ca-07ea-43f0-8a51-a842ad0321ca", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000008", "cost_usd": null, "provider": null, "created_at": "2026-11-27T13:41:54.390011+00:00", "credits_used": 4, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a008", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', 'e0f03c17-f0ce-43aa-b10e-083d0d2a99fb', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -5, NULL, 'charge', '00000000-0000-0000-0000-00000000a006', '{"id": "e0f03c17-f0ce-43aa-b10e-083d0d2a99fb", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 5, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a006", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000002', 'public.credit_transactions', 'ea54c237-e26f-4b2f-9227-cf7c5bf3bf58', '2026-11-25 12:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -12, NULL, 'charge', '00000000-0000-0000-0000-00000000a002', '{"id": "ea54c237-e26f-4b2f-9227-cf7c5bf3bf58", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000002", "cost_usd": null, "provider": null, "created_at": "2026-11-25T12:41:54.390011+00:00", "credits_used": 12, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a002", "enhancement_type": null, "transaction_type": "usage"}');
INSERT INTO credits.imported_history (user_id, source_table, source_id, occurred_at, imported_at, redacted_at, credits, cost_usd, kind, reference, original) VALUES ('00000000-0000-0000-0000-000000000006', 'public.credit_transactions', 'ea8d9bbb-ffe8-4056-96e0-0b553b5bef40', '2026-11-25 13:41:54.390011+00', '2026-11-27 14:41:54.615488+00', NULL, -7, NULL, 'charge', '00000000-0000-0000-0000-00000000a007', '{"id": "ea8d9bbb-ffe8-4056-96e0-0b553b5bef40", "status": "completed", "user_id": "00000000-0000-0000-0000-000000000006", "cost_usd": null, "provider": null, "created_at": "2026-11-25T13:41:54.390011+00:00", "credits_used": 7, "moodboard_id": null, "error_message": null, "api_request_id": "00000000-0000-0000-0000-00000000a007", "enhancement_type": null, "transaction_type": "usage"}');

INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.user_credits', 'balances', '28c2c5b7758ff5baa0b6c6f40b7ad5316dfbab535419e7b232ed7edab8184ae1', 0, NULL, '899', '2026-11-27 14:41:54.694844+00', '2026-11-27 14:41:54.694844+00', '2026-11-27 14:41:54.694844+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.credit_transactions', 'history', '46a32476facc36560b94d61ae58e8fb662dd4b44092e47c76f2327c4953a828d', 18, 'ea8d9bbb-ffe8-4056-96e0-0b553b5bef40', '899', '2026-11-27 14:41:54.602337+00', '2026-11-27 14:41:54.617104+00', '2026-11-27 14:41:54.701997+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.credit_refunds', 'refunds', '45ff4273b3e854adfbbbed0a0799b925790de72dec2b0db791ccdca2c0c3be10', 0, NULL, '899', '2026-11-27 14:41:54.705992+00', '2026-11-27 14:41:54.705992+00', '2026-11-27 14:41:54.705993+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.refund_audit_log', 'refunds', '20f8d710d5101d4d08324345fc52a160fdc759ec32c3847a95aab193ad775f21', 0, NULL, '899', '2026-11-27 14:41:54.714418+00', '2026-11-27 14:41:54.714418+00', '2026-11-27 14:41:54.714418+00');
INSERT INTO credits.imported_tables (source_table, role, read_as, rows_copied, copied_to, changes_from, began_at, copied_at, closed_at) VALUES ('public.enhancement_tasks', 'tasks', 'fba00cdd08eadd4a36b8f89a33c1130c94f014f00b4871e1403fe2b5095865c9', 0, NULL, '899', '2026-11-27 14:41:54.723165+00', '2026-11-27 14:41:54.790109+00', '2026-11-27 14:41:54.723165+00');

INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-1', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a001', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-same', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000a00e', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-2', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a002', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-13', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000a00d', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-3', '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000a003', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-4', '00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-00000000a004', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-5', '00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-00000000a005', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-6', '00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a006', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-7', '00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-00000000a007', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-8', '00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-00000000a008', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-9', '00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-00000000a009', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-10', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000a00a', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-11', '00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000a00b', '2026-11-27 14:41:54.754237+00');
INSERT INTO credits.provider_tasks (provider, provider_task_id, user_id, generation_id, created_at) VALUES ('kling', 'p-12', '00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000a00c', '2026-11-27 14:41:54.754237+00');
