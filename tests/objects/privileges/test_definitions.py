"""How functions are declared, so that a caller's session cannot get between their lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from objects.privileges.matrix import ROLES
from objects.privileges.test_matrix import functions, may
from support.paths import ROOT

if TYPE_CHECKING:
    import psycopg

FIXED = ["search_path=pg_catalog, pg_temp"]
# What else is set, and where: each setting costs every call a little.
MORE = {
    "dashboard_stats": ["jit=off"],
    "open_alert": ["lock_timeout=1ms"],
    "close_alert": ["lock_timeout=1ms"],
    "open_conditions": ["lock_timeout=1ms"],
    "write_waiting_alerts": ["lock_timeout=1ms"],
    "next_piece": ["plan_cache_mode=force_custom_plan"],
    "prove_user": ["plan_cache_mode=force_custom_plan"],
    "sweep_generations": ["enable_seqscan=off"],
    "verify_descent": ["plan_cache_mode=force_custom_plan"],
    "verify_entries": ["plan_cache_mode=force_custom_plan"],
    "verify_generations": ["plan_cache_mode=force_custom_plan"],
    "verify_lots": ["plan_cache_mode=force_custom_plan"],
    "verify_refunds": ["plan_cache_mode=force_custom_plan"],
    "verify_revocations": ["plan_cache_mode=force_custom_plan"],
    "verify_users": ["plan_cache_mode=force_custom_plan"],
}


def has_fixed_path(function: Any) -> bool:
    return bool(function.settings == FIXED + MORE.get(function.name, []))


def test_every_granted_function_is_a_definers(conn: psycopg.Connection[Any]) -> None:
    granted = [
        f
        for f in functions(conn)
        if any(
            may(conn, "select has_function_privilege(%s, %s::oid, 'execute')", role, f.oid)
            for role in ROLES
        )
    ]

    assert granted
    assert [f.signature for f in granted if not f.is_definer] == []
    assert [f.signature for f in granted if not has_fixed_path(f)] == []


def test_every_function_has_a_fixed_search_path_but_what_is_inlined(
    conn: psycopg.Connection[Any],
) -> None:
    without = [f for f in functions(conn) if not has_fixed_path(f)]

    assert {f.settings for f in without} <= {None}
    assert {(f.schema, f.language, f.is_definer) for f in without} == {
        ("credits_internal", "sql", False)
    }


# How each is called within ours: with columns and variables.
INLINED = {
    "are_good_credits": "t.n",
    "is_good_key": "t.word",
    "is_good_metadata": "t.object",
    "is_good_reason": "t.word",
    "is_good_timeout": "t.span",
    "is_good_usd": "t.price",
    "is_good_word": "t.word, 100",
    "is_canonical_uuid": "t.word",
    "allocation": "t.id, t.n",
    "clock": "",
    "content_digest": "t.word, t.object",
    "entry_hash": (
        "t.bytes, t.id, t.id, t.n, 'deduction', t.n, t.n, t.n, t.object, null, t.id, t.id, t.id,"
        " t.price, t.word, t.bytes, t.at"
    ),
    "epoch_us": "t.at",
    "import_key": "t.word, t.word",
    "known_usd": "t.price",
    "legacy_refund_key": "t.word",
    "lower_case": "t.word",
    "next_entry_at": "t.at, t.at",
    "nil_uuid": "",
    "time_is_up": "",
    "trimmed": "t.word",
    "utc_text": "t.at",
    "uuid_v7": "t.at",
    "uuid_v7_prefix": "t.n",
}
INLINED_ROWS = {
    "due_users": "t.word, t.at, t.n::integer",
    "generation_life": "",
    "lots_in_burn_order": "t.id",
    "moved_lots": "t.id, t.id, null",
    "read_allocations": "t.object",
}

ARGUMENTS = (
    "(select gen_random_uuid() as id, 7::bigint as n, 'word'::text as word, '{}'::jsonb as object,"
    " '\\x00'::bytea as bytes, 0.25::numeric as price, interval '1 h' as span,"
    " clock_timestamp() as at offset 0) as t"
)


def test_this_list_is_complete(conn: psycopg.Connection[Any]) -> None:
    assert {f.name for f in functions(conn) if f.settings is None} == {
        *INLINED,
        *INLINED_ROWS,
    }


@pytest.mark.parametrize("name", [*INLINED, *INLINED_ROWS])
def test_what_has_no_search_path_of_its_own_is_inlined(
    conn: psycopg.Connection[Any], name: str
) -> None:
    if name in INLINED:
        query = f"select credits_internal.{name}({INLINED[name]}) from {ARGUMENTS}"
    else:
        query = (
            f"select f.* from {ARGUMENTS}"
            f" cross join lateral credits_internal.{name}({INLINED_ROWS[name]}) as f"
        )

    plan = "\n".join(row[0] for row in conn.execute("explain (verbose) " + query).fetchall())

    assert "credits_internal." not in plan, plan


def test_no_function_puts_a_statement_together_from_text(
    conn: psycopg.Connection[Any],
) -> None:
    bodies = {
        f.signature: conn.execute("select prosrc from pg_proc where oid = %s", (f.oid,)).fetchone()[
            0
        ]  # type: ignore[index]
        for f in functions(conn)
    }

    # Nor reads a table whose name it was given.
    for signature, body in bodies.items():
        code = re.sub(r"'(?:[^']|'')*'|--[^\n]*", "''", body)
        # The arguments of a trigger, which nobody but the owner may make of this function.
        if signature.startswith("credits_internal.mirror_legacy_task("):
            code, executed = re.subn(r"\bexecute tg_argv\[0\] into \w+ using (new|old);", "", code)
            assert executed == 2
        for word in (
            r"\bexecute\b",
            r"\bregclass\b",
            "query_to_xml",
            "table_to_xml",
            "dblink",
            r"\bcopy\b",
            r"\bdo\b(?! update| nothing)",
            r"\bset_config\b",
            r"\bset (local|session|role)\b",
        ):
            assert not re.search(word, code), f"{word} in {signature}"


def test_statements_name_the_schema_of_every_table_and_function() -> None:
    # pg_catalog is all that is on the search_path of ours; what else there is says where.
    ours = {
        name
        for pattern, expression in (
            ("migrations/*.sql", r"create (?:table|type) credits(?:_\w+)?\.(\w+)"),
            ("procedures/**/*.sql", r"create or replace function credits(?:_\w+)?\.(\w+)"),
            ("views/**/*.sql", r"create or replace view credits_monitoring\.(\w+)"),
        )
        for file in ROOT.glob(pattern)
        for name in re.findall(expression, file.read_text(encoding="utf-8"))
    }
    assert len(ours) > 60
    unqualified = re.compile(
        rf"(?:\b(?:from|join|update|into|perform|:=|lateral|setof|constant)\s+)({'|'.join(ours)})\b"
        r"(?!\s+as\s+\()"
    )

    for folder in ("procedures", "views"):
        for file in sorted((ROOT / folder).rglob("*.sql")):
            code = re.sub(r"'(?:[^']|'')*'|--[^\n]*", "''", file.read_text(encoding="utf-8"))
            defined_here = set(
                re.findall(
                    r"^\s*(?:with |,)?(?:recursive )?(\w+) as (?:materialized )?\(",
                    code,
                    re.MULTILINE,
                )
            )
            found = set(unqualified.findall(code)) - defined_here
            assert not found, f"{file.relative_to(ROOT)}: {found}"
