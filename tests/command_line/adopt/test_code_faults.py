"""Faults of functions that stand behind a variable, a call, or another fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pgcredits.adopt.inspect.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database

TABLES = """
create table user_credits (
    user_id uuid primary key, balance int not null, used_this_month int default 0
);
create table tasks (
    id uuid primary key, user_id uuid not null, status text, credits_charged int,
    created_at timestamptz default now()
);
"""


@pytest.fixture
def app(blank_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with blank_database.connect() as conn:
        conn.execute(TABLES)
        yield conn


def make(
    conn: psycopg.Connection[Any],
    name: str,
    arguments: str,
    body: str,
    *,
    returns: str = "void",
    declare: str = "",
) -> None:
    conn.execute(
        f"create function {name}({arguments}) returns {returns} language plpgsql as $f$"
        f" declare {declare} begin {body} end $f$".encode()
    )


def found(conn: psycopg.Connection[Any], name: str) -> dict[str, str]:
    """The faults of a function: number and detail."""
    return {
        one.number: one.detail
        for one in inspect(conn, ["public"]).faults
        if one.where.startswith(f"public.{name}(") and "), " not in one.where
    }


BY_VARIABLE = (
    "select balance into v_now from user_credits where user_id = p_user_id;"
    " v_new := v_now + p_credits;"
    " update user_credits set balance = v_new where user_id = p_user_id;"
)


def test_a_refund_that_computes_the_new_balance_first_is_a_way_to_refund(
    app: psycopg.Connection[Any],
) -> None:
    make(
        app, "refund_user", "p_user_id uuid",
        "update user_credits set balance = balance + 1 where user_id = p_user_id;",
    )  # fmt: skip
    make(
        app, "process_refund", "p_task_id uuid, p_user_id uuid, p_credits int", BY_VARIABLE,
        declare="v_now int; v_new int;",
    )  # fmt: skip

    (ways,) = (one for one in inspect(app, ["public"]).faults if "ways to refund" in one.title)

    assert ways.where == "public.process_refund(uuid, uuid, integer), public.refund_user(uuid)"
    assert found(app, "process_refund").keys() == {"L1", "L14"}


@pytest.mark.parametrize(
    "body",
    [
        "select balance + p_credits into v_new from user_credits where user_id = p_user_id;"
        " update user_credits set balance = v_new where user_id = p_user_id;",
        "select balance into v_now from user_credits where user_id = p_user_id;"
        " v_sum := v_now + p_credits; v_new := v_sum;"
        " update user_credits set balance = v_new where user_id = p_user_id;",
        "select balance into v_now from user_credits where user_id = p_user_id;"
        " v_new := coalesce(v_now, 0) + p_credits;"
        " insert into user_credits (user_id, balance) values (p_user_id, v_new)"
        " on conflict (user_id) do update set balance = excluded.balance;",
    ],
)
def test_a_new_balance_is_followed_however_it_was_computed(
    app: psycopg.Connection[Any], body: str
) -> None:
    make(
        app, "refund_user", "p_user_id uuid, p_credits int", body,
        declare="v_now int; v_new int; v_sum int;",
    )  # fmt: skip

    assert found(app, "refund_user").keys() == {"L1", "L3", "L14"}


def test_a_refund_by_a_variable_that_names_nothing_is_seen(app: psycopg.Connection[Any]) -> None:
    make(
        app, "refund_user", "p_user_id uuid", BY_VARIABLE.replace("p_credits", "1"),
        declare="v_now int; v_new int;",
    )  # fmt: skip

    assert found(app, "refund_user").keys() == {"L1", "L3", "L12"}


@pytest.mark.parametrize(
    "call",
    ["new.id, new.user_id, 1", "p_credits => 1, p_task_id => new.id", "new.id, new.user_id, c_one"],
)
def test_a_fixed_amount_in_a_triggers_call_is_a_fixed_refund(
    app: psycopg.Connection[Any], call: str
) -> None:
    make(
        app, "process_refund", "p_task_id uuid, p_user_id uuid, p_credits int", BY_VARIABLE,
        declare="v_now int; v_new int;",
    )  # fmt: skip
    make(
        app, "on_failure", "",
        f"if new.status = 'failed' then perform process_refund({call}); end if; return new;",
        returns="trigger", declare="c_one constant int := 1;",
    )  # fmt: skip
    make(
        app, "on_error", "",
        "if new.status = 'failed' then perform process_refund(new.id, new.user_id,"
        " new.credits_charged); end if; return new;",
        returns="trigger",
    )  # fmt: skip
    app.execute(
        "create trigger one after update on tasks for each row execute function on_failure();"
        "create trigger two after update on tasks for each row execute function on_error()"
    )

    assert found(app, "on_failure") == {"L12": "1 by process_refund, whatever was charged"}
    assert found(app, "on_error") == {}


HIDDEN = "return 'ok'; exception when others then return sqlerrm;"


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (f"update user_credits set credits = credits + p_n where user_id = p_user; {HIDDEN}",
         "user_credits.credits"),
        (f"update public.user_credits as u set used = 1, balance = 2 where true; {HIDDEN}",
         "user_credits.used"),
        (f"insert into user_credits (user_id, credits) values (p_user, 1); {HIDDEN}",
         "user_credits.credits"),
    ],
)  # fmt: skip
def test_a_write_of_a_column_that_does_not_exist_is_seen(
    app: psycopg.Connection[Any], body: str, column: str
) -> None:
    make(app, "refund_user_credits", "p_user uuid, p_task text, p_n int", body, returns="text")

    assert found(app, "refund_user_credits")["L11"] == column


def test_a_trigger_that_sets_a_column_that_its_table_has_not(
    app: psycopg.Connection[Any],
) -> None:
    make(
        app, "note_refund", "",
        "if new.status = 'failed' then new.refunded := true; end if; return new;",
        returns="trigger",
    )  # fmt: skip
    app.execute(
        "create trigger t before update on tasks for each row execute function note_refund()"
    )

    assert found(app, "note_refund") == {"L11": "tasks.refunded"}


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ("update user_credits set balance = balance + p_n where id = p_user;", "user_credits.id"),
        ("perform c.credits from user_credits as c where c.user_id = p_user;",
         "user_credits.credits"),
        ("delete from public.user_credits where user_credits.owner = p_user;",
         "user_credits.owner"),
        ("perform 1 from tasks t join user_credits u on u.id = t.user_id;", "user_credits.id"),
    ],
)  # fmt: skip
def test_a_column_that_is_read_and_does_not_exist_is_seen(
    app: psycopg.Connection[Any], body: str, column: str
) -> None:
    make(app, "give_credits", "p_user uuid, p_key text, p_n int", body)

    with pytest.raises(Exception, match="does not exist"):
        app.execute("select give_credits(gen_random_uuid(), 'x', 1)")
    assert found(app, "give_credits")["L11"] == column


@pytest.mark.parametrize(
    "body",
    [
        "perform 1 from user_credits u, tasks t where credits_charged > 1 and balance = 1;",
        "perform 1 from user_credits where balance > (select max(credits_charged) from tasks"
        " where status = 'done') and user_id in (select t.user_id from tasks as t);",
        "for v_row in select c.* from user_credits as c where c.user_id = p_user loop"
        " perform v_row.balance; end loop;",
        "with t as (select 1 as n) update user_credits set balance = 1 from t where n = 2;",
        "with a as (select t.balance from user_credits as t) select t.status into v_row"
        " from tasks as t where t.credits_charged in (select balance from a);",
        "update user_credits set balance = 1 where user_credits.xmin is null and v_n = 2 or found;",
    ],
)
def test_a_column_that_is_there_is_not_said_to_be_missing(
    app: psycopg.Connection[Any], body: str
) -> None:
    make(
        app, "give_credits", "p_user uuid, p_key text", body,
        declare="v_row record; v_n int;",
    )  # fmt: skip

    app.execute("select give_credits(gen_random_uuid(), 'x')")
    assert "L11" not in found(app, "give_credits")


AMBIGUOUS = "always fails: a name is both a column and a variable"
TAKE = "update user_credits set balance = user_credits.balance - p_n where user_credits.{user} ="


@pytest.mark.parametrize(
    ("body", "declare", "name"),
    [
        # A result column is a variable, too.
        (f"{TAKE} p_user returning balance into strict balance; return next;", "", "balance"),
        ("select u.balance into balance from user_credits as u where user_id = p_user;",
         "user_id uuid;", "user_id"),
        ("insert into user_credits (user_id, balance) values (p_user, 1)"
         " on conflict (user_id) do nothing;", "user_id uuid;", "user_id"),
    ],
)  # fmt: skip
def test_a_function_that_always_fails_is_seen(
    app: psycopg.Connection[Any], body: str, declare: str, name: str
) -> None:
    make(
        app, "spend_credits", "p_user uuid, p_n int", body.format(user="user_id"),
        returns="table (balance int)", declare=declare,
    )  # fmt: skip

    with pytest.raises(Exception, match="ambiguous"):
        app.execute("select spend_credits(gen_random_uuid(), 1)")
    (fault,) = (one for one in inspect(app, ["public"]).faults if one.title == AMBIGUOUS)
    assert (fault.number, fault.detail) == ("L11", name)


@pytest.mark.parametrize(
    "body",
    [
        "select u.balance into balance from user_credits as u where u.user_id = p_user;",
        "insert into user_credits (user_id, balance) values (p_user, balance);",
        "update user_credits as u set balance = 1 where u.user_id = p_user; balance := 1;",
        "#variable_conflict use_column\nupdate user_credits set balance = balance - 1"
        " where user_id = p_user;",
        "if balance > 3 then perform 1 from user_credits as u where u.user_id = p_user; end if;",
    ],
)
def test_a_function_that_works_is_not_said_to_fail(app: psycopg.Connection[Any], body: str) -> None:
    directive, _, rest = body.rpartition("\n")
    app.execute(
        f"create function spend_credits(p_user uuid) returns table (balance int) language plpgsql"
        f" as $f$ {directive}\n begin balance := 0; {rest} return next; end $f$".encode()
    )

    app.execute("select spend_credits(gen_random_uuid())")
    assert AMBIGUOUS not in [one.title for one in inspect(app, ["public"]).faults]


def test_a_race_does_not_hide_a_reset(app: psycopg.Connection[Any]) -> None:
    make(
        app, "reset_month", "p_user_id uuid, p_credits int",
        "update user_credits set balance = 50 where user_id = p_user_id;" + BY_VARIABLE,
        declare="v_now int; v_new int;",
    )  # fmt: skip

    assert {"L1", "L2"} <= found(app, "reset_month").keys()


def test_a_spend_that_counts_the_month_is_no_reset(app: psycopg.Connection[Any]) -> None:
    make(
        app, "spend_credits", "p_user_id uuid, p_credits int",
        BY_VARIABLE.replace("set balance = v_new", "set balance = v_new, used_this_month = 1"),
        declare="v_now int; v_new int;",
    )  # fmt: skip

    assert "L2" not in found(app, "spend_credits")
    assert "L1" in found(app, "spend_credits")


def test_a_lock_does_not_hide_that_a_missing_row_passes(app: psycopg.Connection[Any]) -> None:
    make(
        app, "spend_credits", "p_user_id uuid, p_credits int",
        "select balance into v_now from user_credits where user_id = p_user_id for update;"
        " if v_now < p_credits then raise exception 'no'; end if;"
        " update user_credits set balance = v_now - p_credits where user_id = p_user_id;",
        declare="v_now int;",
    )  # fmt: skip

    assert {"L8"} <= found(app, "spend_credits").keys()
    assert "L1" not in found(app, "spend_credits")


def test_credits_that_came_back_beyond_what_failed_are_counted_by_user(
    blank_database: Database,
) -> None:
    """Each refund names a task of its own, but those had cost nothing, or did not fail."""
    with blank_database.connect() as conn:
        conn.execute(
            TABLES + "create table credit_ledger (id int primary key, user_id uuid, delta int,"
            " type text, task_id uuid, created_at timestamptz default now());"
            "insert into tasks select md5(n::text)::uuid, md5('u' || n % 2)::uuid,"
            " case when n < 5 then 'failed' else 'done' end, 3 from generate_series(1, 6) as n;"
            "insert into credit_ledger select n, md5('u' || n % 2)::uuid, 3, 'refund',"
            " md5(n::text)::uuid from generate_series(1, 5) as n"
        )

        (beyond,) = (
            one for one in inspect(conn, ["public"]).faults if "more than failed" in one.title
        )
        assert (beyond.number, beyond.rows, beyond.credits) == ("L3", 1, 3)

        conn.execute("delete from credit_ledger where id = 5")
        assert not [one for one in inspect(conn, ["public"]).faults if "more than" in one.title]
