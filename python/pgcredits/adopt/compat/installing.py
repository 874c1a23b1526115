"""The old names in a schema of their own: functions that call pgcredits, and read-only views.

So that old call sites keep working while they are moved. Arguments and results are those that were
found; what they do is what pgcredits does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.source import expressions, vocabulary
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.writers import without_comments, writes
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, History, Plan, Tasks
    from pgcredits.adopt.source.catalog import Catalog, Function, Table

SQL = sql.SQL

#: What a function does is said by the words of its name.
_REFUND = {"back", "refund", "refunds", "reimburse", "reverse"}
_CHARGE = {
    "burn", "charge", "consume", "debit", "decrement", "deduct", "spend", "subtract", "take", "use",
    "withdraw",
}  # fmt: skip
_GRANT = {
    "add", "award", "buy", "deposit", "give", "grant", "increment", "purchase", "purchased",
    "recharge", "top", "topup",
}  # fmt: skip
_MIXED = {"adjust", "change", "modify", "update"}
_RESET = {"refill", "renew", "reset"}
_CREDITS = {"balance", "benefits", "coins", "credit", "credits", "points", "token", "tokens"}
#: It moves nothing, or something else.
_NEITHER = {
    "alert", "calculate", "can", "check", "count", "eligibility", "estimate", "expire", "get",
    "has", "history", "is", "limit", "limits", "list", "log", "policies", "policy", "preview",
    "settings", "threshold", "validate",
}  # fmt: skip
_USER = re.compile(r"(^|_)(user|account|profile|customer|owner|member|uid)(_?id|_uuid)?$")
_AMOUNT = re.compile(r"(^|_)(credits?|amount|tokens?|coins?|points?|qty|quantity)$")
#: The same work, or payment, told twice has the same one.
_KEY = re.compile(r"(^|_)(idempotency|request)(_id|_key)?$")
_REFERENCE = re.compile(
    r"(^|_)(task|job|generation|ref|reference|transaction|payment|order|invoice|charge|intent"
    r"|session|event|external)(_id|_key|_ref|_uuid|_intent)*$"
)
_WORDS = re.compile(r"reason|descr|type|note|comment")
_INSUFFICIENT = re.compile(r"'([^'\n%]*insufficient[^'\n%]*)'", re.IGNORECASE)
_SAYS_NO = re.compile(r"'success' *, *false", re.IGNORECASE)
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
#: What a month brings, once: however often it is told.
_MONTHLY = ("allowance", "monthly", "monthly_reset", "plan_change", "renewal", "reset")

_MADE_BY_US = "Made by pgcredits adopt compat: "
_THERE = read_sql(__package__, "names_in_schema.sql")
_UNFINISHED = read_sql(__package__, "unfinished_tables.sql")

_ANY_KEY = "'legacy-call:' || gen_random_uuid()"

_BALANCES_VIEW = read_template(__package__, "balances_view.sql")
_HISTORY_VIEW = read_template(__package__, "history_view.sql")
_TASKS_VIEW = read_template(__package__, "tasks_view.sql")
_BODY = read_template(__package__, "function.sql")


@dataclass(frozen=True)
class Made:
    """What was made under an old name.

    Attributes:
        name: With its schema, and the types of its arguments.
        does: What it does, in a few words.
    """

    name: str
    does: str


@dataclass(frozen=True)
class _Arguments:
    """Which argument of a function is what, as $1, $2 ..."""

    user: str
    amount: str
    key: str
    reference: str
    says: str
    kind: str
    per_unit: int

    @classmethod
    def of(cls, function: Function, plan: Plan) -> _Arguments | None:
        names = function.argument_names[: len(function.argument_types)]
        inputs = list(zip(names, function.argument_types, strict=False))

        def find(pattern: re.Pattern[str], types: tuple[str, ...] | None = None) -> str:
            return next(
                (
                    f"${place}"
                    for place, (name, type_) in enumerate(inputs, start=1)
                    if pattern.search(name) and (types is None or type_ in types)
                ),
                "",
            )

        user = find(_USER)
        amount = find(_AMOUNT, _NUMBERS)
        if not user or not amount:
            return None
        return cls(
            user=f"md5({user}::text)::uuid" if plan.user_ids == "md5" else f"{user}::text::uuid",
            amount=f"credits_internal.legacy_credits({amount}::numeric, {plan.credits_per_unit})",
            key=find(_KEY),
            reference=find(_REFERENCE),
            says=find(_WORDS, ("text", "character varying")),
            kind=find(re.compile(r"type|kind"), ("text", "character varying")),
            per_unit=plan.credits_per_unit,
        )


def install(conn: psycopg.Connection[Any], plan: Plan, schema: str) -> list[Made]:
    """Make the old names in a schema of their own.

    Returns:
        What was made, and what could not be.

    Raises:
        AdoptionError: It is a schema of the older system, of pgcredits, or of somebody else; or
            not everything was moved over yet.
    """
    if schema in plan.schemas or schema.startswith("credits"):
        raise AdoptionError(
            f"schema {schema} is taken", "Name another: call sites find it by search_path."
        )
    for there in conn.execute(_THERE, {"schema": schema}):
        if not (there.comment or "").startswith(_MADE_BY_US):
            raise AdoptionError(
                f"schema {schema} is taken: {there.name} is not ours", "Name one of its own."
            )
    unfinished = conn.execute(
        _UNFINISHED,
        {
            "tables": [part.table for part in plan.parts],
            "roles": [part.role for part in plan.parts],
        },
    ).fetchall()
    if unfinished:
        raise AdoptionError(
            f"{unfinished[0].source_table} has not been moved over", "First: pgcredits adopt run."
        )
    catalog = read_catalog(conn, plan.schemas)
    with conn.transaction():
        conn.execute(SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        conn.execute(SQL("grant usage on schema {} to credits_app").format(sql.Identifier(schema)))
        return [*_functions(conn, catalog, plan, schema), *_views(conn, catalog, plan, schema)]


# --- functions ------------------------------------------------------------------------------------


def _functions(
    conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, schema: str
) -> list[Made]:
    made = []
    for function in catalog.functions:
        found = _body(function, plan)
        signature = f"{schema}.{function.name}({', '.join(function.argument_types)})"
        if found is None:
            # It would fail from now on, and some swallow that.
            if not function.triggered_by and writes(function, plan):
                made.append(Made(signature, "NOT made, write it by hand: it is not understood"))
            continue
        does, body = found
        try:
            with conn.transaction():
                _make(conn, sql.Identifier(schema, function.name), function, does, body)
        except psycopg.Error as error:
            does = f"NOT made, write it by hand: {error.diag.message_primary}"
        made.append(Made(signature, does))
    return made


def _make(
    conn: psycopg.Connection[Any], name: Composable, function: Function, does: str, body: str
) -> None:
    conn.execute(
        _BODY.format(
            function=name,
            # As PostgreSQL prints them.
            arguments=SQL(function.arguments),
            result=SQL(function.result or "void"),
            body=sql.Literal(body),
        )
    )
    parts = {
        "function": SQL("{}({})").format(name, SQL(", ".join(function.argument_types))),
        "comment": sql.Literal(f"{_MADE_BY_US}{does}"),
    }
    for statement in (
        "comment on function {function} is {comment}",
        "revoke all on function {function} from public",
        "grant execute on function {function} to credits_app",
    ):
        conn.execute(SQL(statement).format(**parts))


def _body(function: Function, plan: Plan) -> tuple[str, str] | None:
    """What a function of this name does now, and how; None where we do not know."""
    said = set(function.name.lower().split("_"))
    if function.triggered_by or vocabulary.UNUSED_FUNCTIONS.match(function.name):
        return None
    # A function that only reads goes on reading.
    if function.result is None or function.volatility != "v" or said & _NEITHER:
        return None
    if not said & (_CREDITS | _REFUND):
        return None
    if said & _RESET and not function.argument_types:
        return (
            "grants what plans bring this month",
            "begin perform credits.apply_monthly_allowances(100000); "
            f"{_answer(function, 'true', 'null::bigint')} end",
        )
    arguments = _Arguments.of(function, plan)
    if arguments is None:
        return None
    for names, does, statements in (
        (_REFUND, "refunds a charge once", _refunding),
        (_CHARGE, "charges", _charging),
        (_GRANT, "grants", _granting),
    ):
        if said & names:
            return (does, _declared(statements(function, arguments, arguments.amount)))
    if said & _MIXED:
        return ("charges, grants or refunds", _mixed(function, arguments))
    return None


def _declared(statements: str) -> str:
    return f"""
declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin
{statements}
end
"""


def _charging(function: Function, arguments: _Arguments, amount: str) -> str:
    source = without_comments(function.source)
    message = _INSUFFICIENT.search(source)
    said = message[1] if message else "Insufficient credits"
    refused = f"raise exception using message = '{said}', errcode = 'PT402', detail = sqlerrm;"
    if _SAYS_NO.search(source) and function.result in ("jsonb", "json"):
        refused = (
            f"return {function.result}_build_object('success', false, 'error', '{said}',"
            f" 'remaining_balance', {_balance_of(arguments)});"
        )
    elif function.result == "boolean" and re.search(r"return\s+false", source, re.IGNORECASE):
        refused = "return false;"
    key = f"nullif({arguments.key}::text, '')" if arguments.key else "null"
    metadata = "'{}'"
    if arguments.reference:
        # So that a refund finds it.
        metadata = (
            "jsonb_strip_nulls(jsonb_build_object("
            f"'legacy_reference', nullif({arguments.reference}::text, '')))"
        )
    return f"""
    begin
        v_done := credits.deduct_user_credits(
            p_user_id => {arguments.user},
            p_credits => {amount},
            p_reason => {f"left({arguments.says}::text, 1000)" if arguments.says else "null"},
            p_idempotency_key => {key},
            p_metadata => {metadata}
        );
    exception
        when sqlstate 'PT402' then
            {refused}
    end;
    {_answer(function, "true", _in_units("v_done.balance", arguments))}
"""


def _granting(
    function: Function, arguments: _Arguments, amount: str, *, monthly: bool = False
) -> str:
    # Nothing tells one payment from another where the old function was not told either.
    told = [f"nullif({one}::text, '')" for one in (arguments.key, arguments.reference) if one]
    key = f"coalesce({', '.join([*told, _ANY_KEY])})"
    source, expires = "adjustment", "null"
    if monthly:
        key = f"'legacy-month:' || v_word || ':' || to_char(now(), 'YYYY-MM') || ':' || {amount}"
        expires = "now() + interval '1 month'"
    elif {"purchase", "purchased", "buy", "top", "topup", "recharge"} & set(
        function.name.lower().split("_")
    ):
        source = "purchase"
    return f"""
        v_done := credits.grant_user_credits(
            p_user_id => {arguments.user},
            p_credits => {amount},
            p_source => '{source}',
            p_expires_at => {expires},
            p_reason => {f"left({arguments.says}::text, 1000)" if arguments.says else "null"},
            p_idempotency_key => {key}
        );
    {_answer(function, "true", _in_units("v_done.balance", arguments))}
"""


def _refunding(function: Function, arguments: _Arguments, amount: str) -> str:
    says = f"{arguments.says}::text" if arguments.says else "null"
    reference = arguments.reference or arguments.key
    call = f"refund_unreferenced({arguments.user}, {amount}, {says})"
    if reference:
        call = f"refund_legacy_task({arguments.user}, {reference}::text, {amount}, {says})"
    return f"""
        v_credits := credits_internal.{call};
        {_answer(function, "v_credits > 0", _balance_of(arguments))}
"""


def _in_units(balance: str, arguments: _Arguments) -> str:
    return balance if arguments.per_unit == 1 else f"({balance}::numeric / {arguments.per_unit})"


def _balance_of(arguments: _Arguments) -> str:
    # A body that is made of names from the catalog, in a function that its owner makes.
    balance = f"(select c.balance from credits.get_user_credits({arguments.user}) as c)"  # noqa: S608
    return _in_units(balance, arguments)


def _mixed(function: Function, arguments: _Arguments) -> str:
    """One function for all: the type says what it is, and where there is none the sign."""
    amount = arguments.amount

    def is_one_of(names: Iterable[str]) -> str:
        return f"v_word = any ('{{{','.join(names)}}}')"

    return _declared(f"""
    v_word := trim(both '_' from regexp_replace(
        lower(coalesce({f"{arguments.kind}::text" if arguments.kind else "''"}, '')),
        '[^a-z0-9]+', '_', 'g'
    ));
    if {is_one_of(vocabulary.KINDS["refund"])} then
        {_refunding(function, arguments, f"abs({amount})")}
    elsif {is_one_of(vocabulary.KINDS["charge"])} or v_word = '' and {amount} < 0 then
        {_charging(function, arguments, f"abs({amount})")}
    elsif {is_one_of(_MONTHLY)} then
        {_granting(function, arguments, amount, monthly=True)}
    elsif {is_one_of(vocabulary.KINDS["grant"])} or v_word = '' then
        {_granting(function, arguments, amount)}
    else
        perform credits_internal.refuse_argument(
            'type',
            v_word,
            format('is %L: nobody knows whether that adds credits or takes them', v_word),
            'Call a function of schema credits instead.'
        );
        {_answer(function, "false", "null::bigint")}
    end if;
""")


def _answer(function: Function, is_done: str, balance: str) -> str:
    """What the old function returned, as far as it can be known."""
    result = (function.result or "void").strip()
    lower = result.lower()
    if lower == "void":
        return "return;"
    if lower == "boolean":
        return f"return {is_done};"
    if lower in ("jsonb", "json"):
        return (
            f"return {lower}_build_object('success', {is_done}, 'remaining_balance', {balance},"
            f" 'new_balance', {balance});"
        )
    if lower in _NUMBERS:
        return f"return {balance};"
    table = re.fullmatch(r"table\((?P<columns>.*)\)", result, re.IGNORECASE)
    if table:
        return f"return query select {', '.join(_columns(table['columns'], is_done, balance))};"
    return "return;" if lower.startswith("setof") else "return null;"


def _columns(declared: str, is_done: str, balance: str) -> list[str]:
    found = []
    for column in declared.split(","):
        name, type_ = column.strip().split(" ", 1)
        if re.search(r"balance|remaining|credits", name):
            found.append(f"({balance})::{type_}")
        elif type_ == "boolean":
            found.append(f"({is_done})::{type_}")
        else:
            found.append(f"null::{type_}")
    return found


# --- views ----------------------------------------------------------------------------------------


def _views(conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, schema: str) -> list[Made]:
    queries: dict[str, tuple[Composable, str]] = {}
    for balances in plan.balances:
        if not balances.summed:
            table = catalog.tables_by_name[balances.table]
            queries[table.name] = (_balances_view(plan, balances, table), "balances of today")
    for history in plan.history:
        table = catalog.tables_by_name[history.table]
        queries[table.name] = (
            _history_view(plan, history, table), "the old rows, and the ledger since",
        )  # fmt: skip
    for tasks in plan.tasks:
        table = catalog.tables_by_name[tasks.table]
        queries[table.name] = (_tasks_view(plan, tasks, table), "the old rows, as they stand now")
    made = []
    for name, (query, shows) in queries.items():
        view = sql.Identifier(schema, name)
        conn.execute(SQL("create or replace view {} as {}").format(view, query))
        conn.execute(
            SQL("comment on view {} is {}").format(view, sql.Literal(f"{_MADE_BY_US}{shows}"))
        )
        conn.execute(SQL("grant select on {} to credits_app").format(view))
        # A join or a union, so that PostgreSQL refuses every write to it.
        made.append(Made(f"{schema}.{name}", shows))
    return made


def _as(value: Composable, column: Any) -> Composable:
    return SQL("({})::{} as {}").format(value, SQL(column.type), sql.Identifier(column.name))


def _balances_view(plan: Plan, part: Balances, table: Table) -> Composable:
    per_unit = sql.Literal(plan.credits_per_unit)
    lots = _lots_by_bucket(part)
    # A user's own row holds more, that is nobody's business here.
    named = {name for _, name in part.columns}
    columns = [one for one in table.columns if part.close != "columns" or one.name in named]
    shown: list[Composable] = []
    for column in columns:
        if column.name in lots:
            value = SQL("coalesce({}, 0) / {}::numeric").format(SQL(lots[column.name]), per_unit)
            shown.append(_as(value, column))
        elif column.name == part.user and plan.user_ids == "uuid":
            shown.append(
                _as(SQL("coalesce(t.{0}::text, s.user_id::text)").format(
                    sql.Identifier(column.name)), column)
            )  # fmt: skip
        else:
            shown.append(SQL("t.{0}").format(sql.Identifier(column.name)))
    return _BALANCES_VIEW.format(
        shown=SQL(", ").join(shown),
        table=table.identifier,
        # Users who came later have no old row; where ids are hashed they cannot be told.
        join=SQL("full" if plan.user_ids == "uuid" else "left"),
        user_id=expressions.user_id(plan, part.user),
    )


def _lots_by_bucket(part: Balances) -> dict[str, str]:
    """Which of a user's lots are shown in which column: each in one of them."""
    shown: dict[str, str] = {}
    for bucket in part.buckets:
        of = "s.lasting_credits" if bucket.expires == "never" else "s.expiring_credits"
        shown[bucket.column] = "0" if of in shown.values() else of
    if len(set(shown.values()) - {"0"}) == 1:
        shown = {name: "0" if of == "0" else "s.all_credits" for name, of in shown.items()}
    return shown


def _history_view(plan: Plan, part: History, table: Table) -> Composable:
    per_unit = sql.Literal(plan.credits_per_unit)
    # The old word for each type of ours: the first that meant it.
    old_words = {meaning: word for word, meaning in reversed(list(part.kinds.items()))}
    kinds = {
        "deduction": old_words.get("charge", "charge"),
        "refund": old_words.get("refund", "refund"),
        "grant": old_words.get("grant", "grant"),
        "expiry": old_words.get("expiry", "expiry"),
        "revocation": old_words.get("charge", "charge"),
    }
    kind = SQL("case e.transaction_type {} end").format(
        SQL(" ").join(
            SQL("when {} then {}").format(sql.Literal(ours), sql.Literal(theirs))
            for ours, theirs in kinds.items()
        )
    )
    amount = SQL(
        "e.credits / {}::numeric" if part.sign == "stored" else "abs(e.credits) / {}::numeric"
    ).format(per_unit)
    values: dict[str, Composable] = {
        part.user: SQL("e.user_id::text") if plan.user_ids == "uuid" else expressions.NULL,
        part.at: SQL("e.created_at"),
        part.amount: amount,
        part.credit: SQL("nullif(greatest(0, e.credits), 0) / {}::numeric").format(per_unit),
        part.debit: SQL("nullif(greatest(0, -e.credits), 0) / {}::numeric").format(per_unit),
        part.kind: kind,
        part.after: SQL("e.balance_after / {}::numeric").format(per_unit),
        part.reference: SQL("coalesce(e.generation_id::text, e.idempotency_key)"),
        part.cost: SQL("e.cost_usd"),
    }
    if table.by_name[part.key].type == "uuid":
        values[part.key] = SQL("e.transaction_id")
    old = SQL(", ").join(sql.Identifier("t", column.name) for column in table.columns)
    new = SQL(", ").join(
        _as(values.get(column.name, expressions.NULL), column) for column in table.columns
    )
    return _HISTORY_VIEW.format(old=old, table=table.identifier, new=new)


def _tasks_view(plan: Plan, part: Tasks, table: Table) -> Composable:
    old_words = {meaning: word for word, meaning in reversed(list(part.statuses.items()))}
    status = SQL("{}::text").format(expressions.column(part.status))
    if old_words:
        whens = SQL(" ").join(
            SQL("when {} then {}").format(sql.Literal(ours), sql.Literal(theirs))
            for ours, theirs in old_words.items()
        )
        status = SQL("coalesce(case g.status {} end, {})").format(whens, status)
    came_back = SQL("coalesce(r.refunded, 0) > 0")
    values: dict[str, Composable] = {
        part.status: status,
        part.refunded_flag: SQL("({} or coalesce({}, false))").format(
            came_back, expressions.column(part.refunded_flag)
        )
        if part.refunded_flag
        else expressions.NULL,
    }
    shown = SQL(", ").join(
        _as(values[column.name], column)
        if column.name in values and column.name
        else sql.Identifier("t", column.name)
        for column in table.columns
    )
    return _TASKS_VIEW.format(
        shown=shown,
        table=table.identifier,
        user_id=expressions.user_id(plan, part.user),
        generation_id=expressions.generation_id(part),
    )
