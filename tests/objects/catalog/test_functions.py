from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from objects.catalog.objects import functions

if TYPE_CHECKING:
    import psycopg

# The contract of DESIGN §5, as far as it is there.
SIGNATURES = {
    "user_id": ("p_external_id text", "uuid"),
    "register_user": ("p_external_id text", "uuid"),
    "grant_user_credits": (
        "p_user_id uuid, p_credits bigint, p_source text DEFAULT 'goodwill'::text,"
        " p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        " p_priority integer DEFAULT NULL::integer,"
        " p_unit_price_usd double precision DEFAULT NULL::double precision,"
        " p_reason text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text,"
        " p_metadata jsonb DEFAULT '{}'::jsonb",
        "transaction_result",
    ),
    "deduct_user_credits": (
        "p_user_id uuid, p_credits bigint, p_reason text DEFAULT NULL::text,"
        " p_idempotency_key text DEFAULT NULL::text,"
        " p_cost_usd double precision DEFAULT NULL::double precision,"
        " p_metadata jsonb DEFAULT '{}'::jsonb",
        "transaction_result",
    ),
    "refund_user_credits": (
        "p_user_id uuid, p_transaction_id uuid, p_credits bigint DEFAULT NULL::bigint,"
        " p_reason text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text",
        "refund_result",
    ),
    "revoke_user_credits": (
        "p_user_id uuid, p_transaction_id uuid, p_credits bigint DEFAULT NULL::bigint,"
        " p_reason text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text",
        "transaction_result",
    ),
    "get_user_credits": ("p_user_id uuid", "user_balance"),
    "get_user_credits_at": ("p_user_id uuid, p_at timestamp with time zone", "bigint"),
    "get_user_transactions": (
        "p_user_id uuid, p_before_seq bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50",
        "SETOF user_transaction",
    ),
    "set_user_plan": ("p_user_id uuid, p_plan text", "user_balance"),
    "set_low_balance_threshold": ("p_user_id uuid, p_credits bigint", "user_balance"),
    "freeze_user_credits": ("p_user_id uuid, p_reason text", "user_balance"),
    "unfreeze_user_credits": ("p_user_id uuid", "user_balance"),
    "redact_user": ("p_user_id uuid", "bigint"),
    "expire_user_credits": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "apply_monthly_allowances": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "apply_allowances": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "start_generation": (
        "p_user_id uuid, p_provider text, p_generation_type text, p_credits bigint,"
        " p_generation_id uuid DEFAULT NULL::uuid,"
        " p_quoted_cost_usd double precision DEFAULT NULL::double precision,"
        " p_timeout interval DEFAULT NULL::interval, p_retry_of uuid DEFAULT NULL::uuid,"
        " p_metadata jsonb DEFAULT '{}'::jsonb",
        "generation_result",
    ),
    "attach_provider_task": (
        "p_user_id uuid, p_generation_id uuid, p_provider_task_id text DEFAULT NULL::text",
        "generation_result",
    ),
    "complete_generation": (
        "p_user_id uuid, p_generation_id uuid, p_final_credits bigint DEFAULT NULL::bigint,"
        " p_cost_usd double precision DEFAULT NULL::double precision,"
        " p_metadata jsonb DEFAULT '{}'::jsonb",
        "generation_result",
    ),
    "fail_generation": (
        "p_user_id uuid, p_generation_id uuid, p_error_type text DEFAULT 'unknown'::text,"
        " p_error_message text DEFAULT NULL::text, p_error_code text DEFAULT NULL::text,"
        " p_provider_billed boolean DEFAULT NULL::boolean,"
        " p_cost_usd double precision DEFAULT NULL::double precision",
        "generation_result",
    ),
    "cancel_generation": (
        "p_user_id uuid, p_generation_id uuid, p_reason text DEFAULT NULL::text",
        "generation_result",
    ),
    "handle_provider_callback": (
        "p_provider text, p_provider_task_id text, p_code text,"
        " p_message text DEFAULT NULL::text,"
        " p_cost_usd double precision DEFAULT NULL::double precision,"
        " p_payload jsonb DEFAULT '{}'::jsonb",
        "generation_result",
    ),
    "get_generation": ("p_user_id uuid, p_generation_id uuid", "generation_result"),
    "explain_charge": ("p_user_id uuid, p_generation_id uuid", "jsonb"),
    "sweep_stuck_generations": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "purge_history": ("p_limit integer DEFAULT 1000", "bigint"),
    "apply_waiting_callbacks": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "retry_failed_refunds": ("p_limit integer DEFAULT 100", "SETOF sweep_result"),
    "settle_owed_refunds": (
        "p_dry_run boolean DEFAULT true, p_limit integer DEFAULT 1000",
        "SETOF owed_refund",
    ),
    "raise_alert": (
        "p_type text, p_message text,"
        " p_user_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,"
        " p_dedup_key text DEFAULT NULL::text, p_level text DEFAULT NULL::text,"
        " p_generation_id uuid DEFAULT NULL::uuid, p_provider text DEFAULT NULL::text,"
        " p_metadata jsonb DEFAULT '{}'::jsonb",
        "uuid",
    ),
    "acknowledge_alert": ("p_user_id uuid, p_alert_id uuid, p_by text", "system_alerts"),
    "resolve_alert": (
        "p_user_id uuid, p_alert_id uuid, p_by text, p_note text DEFAULT NULL::text",
        "system_alerts",
    ),
    "check_alerts": ("", "SETOF alert_check"),
    "run_maintenance": ("", "SETOF maintenance_result"),
    "dashboard_stats": ("", "jsonb"),
    "verify_ledger": ("p_user_id uuid DEFAULT NULL::uuid", "SETOF ledger_violation"),
    "verify_ledger_part": (
        "p_position jsonb DEFAULT NULL::jsonb, p_user_id uuid DEFAULT NULL::uuid,"
        " p_limit integer DEFAULT 20000",
        "ledger_part",
    ),
    "check_ledger": ("p_limit integer DEFAULT 500", "SETOF ledger_violation"),
}

TYPES = {
    "transaction_result": (
        "transaction_id uuid, user_id uuid, credits bigint, balance bigint, replayed boolean"
    ),
    "refund_result": (
        "refunded boolean, credits_refunded bigint, transaction_id uuid, balance bigint,"
        " replayed boolean"
    ),
    "user_balance": (
        "user_id uuid, balance bigint, expiring_credits bigint,"
        " next_expiry_at timestamp with time zone, plan text, low_balance_threshold bigint,"
        " frozen boolean"
    ),
    "generation_result": (
        "generation_id uuid, user_id uuid, status text, credits_charged bigint,"
        " credits_refunded bigint, refunded boolean, balance bigint, applied boolean,"
        " replayed boolean"
    ),
    "owed_refund": (
        "user_id uuid, generation_id uuid, credits_owed bigint, credits_refunded bigint, error text"
    ),
    "sweep_result": "user_id uuid, generation_id uuid, credits bigint, error text",
    "ledger_violation": (
        "kind text, user_id uuid, transaction_id uuid, generation_id uuid, expected text,"
        " actual text, detail text"
    ),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_is_that_of_the_contract(conn: psycopg.Connection[Any], name: str) -> None:
    conn.execute("set search_path = credits")
    row = conn.execute(
        "select pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)"
        " from pg_proc as p where p.oid = format('credits.%%I', %s::text)::regproc",
        (name,),
    ).fetchone()

    assert row == SIGNATURES[name]


@pytest.mark.parametrize("name", TYPES)
def test_a_result_is_that_of_the_contract(conn: psycopg.Connection[Any], name: str) -> None:
    row = conn.execute(
        "select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '"
        " order by a.attnum) as fields from pg_attribute as a"
        " where a.attrelid = format('credits.%%I', %s::text)::regclass",
        (name,),
    ).fetchone()

    assert row == (TYPES[name],)


def test_no_name_stands_for_two_functions(conn: psycopg.Connection[Any]) -> None:
    names = Counter(f"{f.schema}.{f.name}" for f in functions(conn))

    assert [name for name, n in names.items() if n > 1] == []


def test_arguments_are_named_alike_and_of_plain_types(conn: psycopg.Connection[Any]) -> None:
    types: dict[str, set[int]] = {}
    for f in functions(conn):
        given = (f.argument_names or [])[: f.arguments]
        assert all(name.startswith("p_") for name in given), f.signature
        if f.schema == "credits":
            assert "character varying" not in f.signature
            for name, kind in zip(given, f.argument_types, strict=True):
                types.setdefault(name, set()).add(kind)

    # One name, one type, wherever it occurs.
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_readers_are_stable_and_writers_volatile(conn: psycopg.Connection[Any]) -> None:
    by_volatility: dict[str, set[str]] = {"i": set(), "s": set(), "v": set()}
    for f in functions(conn):
        if f.schema == "credits":
            by_volatility[f.volatility].add(f.name)

    assert by_volatility["i"] == {"user_id"}
    assert {name for name in by_volatility["s"] if not name.startswith("get_")} == {
        # So that they see one snapshot.
        "verify_ledger",
        "verify_ledger_part",
        "explain_charge",
        "dashboard_stats",
    }
    assert {name for name in by_volatility["v"] if name.startswith("get_")} == set()


def test_a_sweep_of_another_kind_answers_alike(conn: psycopg.Connection[Any]) -> None:
    sweeps = [
        f for f in functions(conn) if f.schema == "credits" and f.result == "credits.sweep_result"
    ]

    assert {f.name for f in sweeps} >= {"expire_user_credits", "apply_allowances"}
    assert {tuple(f.argument_names) for f in sweeps} == {("p_limit",)}
