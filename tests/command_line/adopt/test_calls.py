"""``pgcredits adopt calls``: where an application's source names what is moved."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import Conn, planned
from pgcredits.adopt.calls.names import Names, names_of
from pgcredits.adopt.calls.searching import Place, Search, search
from pgcredits.adopt.plan.reading import read_plan
from pgcredits.adopt.source.catalog import read_catalog
from support.program import pgcredits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.databases import Database


#: The names of a shape are read once: most tests only search by them.
_READ: dict[str, Names] = {}


def names_in(shape: str, request: pytest.FixtureRequest, folder: Path) -> Names:
    """The names of one of the shapes."""
    if shape not in _READ:
        conn: Conn = request.getfixturevalue("conn")
        systems.load(conn, shape, dirty=True)
        plan = planned(conn, folder)
        _READ[shape] = names_of(read_catalog(conn, plan.all_schemas), plan)
    return _READ[shape]


@pytest.fixture
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Names:
    """The names of the photo platform."""
    return names_in("photo_platform", request, tmp_path)


@pytest.fixture
def profiles(request: pytest.FixtureRequest, tmp_path: Path) -> Names:
    """The names of a platform whose balance is the column credits of the table profiles."""
    return names_in("single_column", request, tmp_path)


def write(folder: Path, sources: Mapping[str, str | bytes]) -> Path:
    """An application's source."""
    app = folder / "app"
    for name, text in sources.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return app


def told(found: Search) -> list[tuple[str, int, str, str]]:
    """Where what is done with what."""
    return [
        (place.file, place.line, place.use.value, place.name.removeprefix("public."))
        for place in found.places
    ]


def in_one(folder: Path, names: Names, source: str, file: str = "a.ts") -> list[Place]:
    """The places in one file."""
    return list(search(write(folder, {file: source}), names).places)


SUPABASE = """\
import { supabase } from "./user_credits";

const { data: userCredits } = await supabase
  .from("user_credits")
  .select("current_balance, purchased_credits_balance")
  .eq("user_id", userId)
  .single();
if (userCredits.current_balance < cost) throw new Error("no credits");
// later: user_credits
await supabase
  .from('user_credits')
  .update({ current_balance: userCredits.current_balance - cost })
  .eq('user_id', userId);
await supabase.from(`credit_transactions`).insert({ user_id: userId, credits_used: cost });
await supabase.rpc('consume_user_credits', { p_user_id: userId, p_credits: cost + 1 });
await supabase.rpc("process_credit_refund", {
  p_task_id: task.id, p_user_id, p_credits: 5, p_reason: `late, ${why}`,
});
const watching = { event: 'UPDATE', schema: 'public', table: 'user_credits' };
const { error } = await supabase.from("moodboards").update({ title });
"""


def test_supabase_js(platform: Names, tmp_path: Path) -> None:
    places = in_one(tmp_path, platform, SUPABASE)

    assert [(place.line, place.use.value, place.name) for place in places] == [
        (4, "read", "public.user_credits"),
        (8, "read", "public.user_credits.current_balance"),
        (11, "write", "public.user_credits"),
        (14, "write", "public.credit_transactions"),
        (15, "call", "public.consume_user_credits"),
        (16, "call", "public.process_credit_refund"),
        (19, "read", "public.user_credits"),
    ]
    assert places[0].columns == ("current_balance", "purchased_credits_balance")
    assert [place.instead for place in places if place.instead] == [
        '.schema("credits").rpc("deduct_user_credits", { p_user_id: userId, p_credits: cost + 1,'
        " p_reason: ..., p_idempotency_key: ... })",
        '.schema("credits").rpc("refund_user_credits", { p_user_id: p_user_id,'
        " p_transaction_id: ..., p_credits: 5 })",
    ]
    assert "credits.get_user_credits" in places[0].becomes
    assert places[2].becomes.startswith("refused after the cut-over (PT410); instead: ")
    assert "leave it out" in places[3].becomes


SQL = '''\
BALANCE = "select current_balance from user_credits where user_id = %s for update"
cursor.execute("""
    UPDATE public.user_credits
    SET current_balance = current_balance - %s
    WHERE user_id = %s
""")
cursor.execute('insert into "credit_transactions" (user_id, credits_used) values (%s, %s)')
cursor.execute("delete from USER_CREDITS where user_id = %s", [user])
cursor.execute("select * from consume_user_credits(p_user_id => %(u)s, p_credits => %(n)s)", told)
cursor.execute("select public.add_purchased_credits($1, greatest(1, $2))")
cursor.callproc("refund_user_credits", [user, 5, "image"])
cursor.execute("select reset_monthly_subscription_benefits()")
def consume_user_credits(user): ...
# cursor.execute("select * from user_credits")
'''


def test_sql_in_texts(platform: Names, tmp_path: Path) -> None:
    places = in_one(tmp_path, platform, SQL, "a.py")

    assert [(place.line, place.use.value, place.name) for place in places] == [
        (1, "read", "public.user_credits"),
        (3, "write", "public.user_credits"),
        (7, "write", "public.credit_transactions"),
        (8, "write", "public.user_credits"),
        (9, "call", "public.consume_user_credits"),
        (10, "call", "public.add_purchased_credits"),
        (11, "call", "public.refund_user_credits"),
        (12, "call", "public.reset_monthly_subscription_benefits"),
        (13, "definition", "public.consume_user_credits"),
    ]
    assert [place.instead for place in places if place.instead] == [
        "select * from credits.deduct_user_credits(p_user_id => %(u)s, p_credits => %(n)s,"
        " p_reason => ..., p_idempotency_key => ...)",
        "select * from credits.grant_user_credits(p_user_id => $1, p_credits => greatest(1, $2),"
        " p_source => 'purchase', p_idempotency_key => ...)",
        "select * from credits.refund_user_credits(p_user_id => ..., p_transaction_id => ...,"
        " p_credits => ...)",
    ]
    assert "pgcredits maintain" in places[-2].becomes


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("await prisma.userCredits.update({ where: { userId }, data })", "write"),
        ("const row = await tx.userCredits.findUnique({ where: { userId } })", "read"),
        ("model UserCredits {", "model"),
        ('  @@map("user_credits")', "model"),
        ("export const userCredits = pgTable('user_credits', {", "model"),
        ("await db.update(userCredits).set({ currentBalance: left })", "write"),
        ("await db.select().from(userCredits).where(eq(userCredits.userId, id))", "read"),
        ("UserCredits.objects.filter(user=user).update(current_balance=F('x') - 1)", "write"),
        ("found = UserCredits.objects.get(user=user)", "read"),
        ("class UserCredits(models.Model):", "model"),
        ("session.execute(update(UserCredits).values(current_balance=1))", "write"),
        ("session.execute(select(UserCredits).where(UserCredits.user_id == id))", "read"),
        ('__tablename__ = "user_credits"', "model"),
        ("UserCredit.where(user_id: id).update_all('x')", "write"),
        ("UserCredit.find_by(user_id: id)", "read"),
        ("DB::table('user_credits')->where('id', $id)->decrement('current_balance');", "write"),
        ("knex('user_credits').where({ user_id }).first()", "read"),
        ("knex('user_credits').where({ user_id }).decrement('current_balance', 5)", "write"),
        ("db.Model(&UserCredits{}).Where(id).Update(left)", "write"),
        ("@Entity('user_credits')", "model"),
        ("create_table :user_credits do |t|", "definition"),
        ("op.create_table('user_credits', sa.Column('id'))", "definition"),
        ("user.currentBalance -= cost", "write"),
        ("credits.current_balance = credits.current_balance - cost", "write"),
        ("{ current_balance: true }", "read"),
        ("const TABLE = 'user_credits'", "name"),
        ("const userCredits = data.credits;", None),
        ("return userCredits + 1;", None),
        ("my_user_credits_total", None),
    ],
)  # fmt: skip
def test_object_mappers_and_builders(
    platform: Names, tmp_path: Path, source: str, use: str | None
) -> None:
    found = [place.use.value for place in in_one(tmp_path, platform, source + "\n")]

    assert found[:1] == ([use] if use else [])


ORDINARY = """\
const { data: profiles } = await supabase.from('profiles').select('id, name, avatar_url');
await supabase.from('profiles').update({ name }).eq('id', id);
const { data } = await supabase.from('profiles').select('credits').eq('id', id).single();
await supabase.from("profiles").update({ credits: data.credits - 1 }).eq("id", id);
const users = Array.from(profiles); const credits = users.length; profiles.delete(x);
toast("Deducted from credits, and from profiles with credits");
await sql`update profiles set credits = credits - 1 where id = ${id}`;
await sql`update profiles set name = ${name} where id = ${id}`;
await sql`select name, credits from profiles where id = ${id}`;
if (profile.credits < 1) return;
profile.credits -= 1; await profile.save();
const { credits } = props; credits.map((one) => one.credits); profile.credits();
await prisma.profiles.update({ where: { id }, data: { credits: { decrement: 1 } } });
await prisma.profiles.update({ where: { id }, data: { name } });
"""


def test_ordinary_words_do_not_drown_the_list(profiles: Names, tmp_path: Path) -> None:
    """Where the balance is profiles.credits, only places that name both are listed."""
    assert [table.close for table in profiles.tables] == ["columns"]

    places = in_one(tmp_path, profiles, f"{ORDINARY}{'profiles.credits();' * 1000}\n")

    assert [(place.line, place.use.value) for place in places] == [
        (3, "read"),
        (4, "write"),
        (7, "write"),
        (9, "read"),
        (10, "read"),
        (11, "write"),
        (13, "write"),
    ]
    assert places[1].becomes.startswith("refused after the cut-over where it changes credits; ")


def test_what_sql_files_define_is_nothing_to_do(platform: Names, tmp_path: Path) -> None:
    source = (systems.SHAPES / "photo_platform.sql").read_text()
    more = "select * from user_credits;\nupdate user_credits set current_balance = 1;\n"
    app = write(tmp_path, {"migrations/1.sql": f"{source};\n{more}"})

    found = search(app, platform)

    lines = source.count("\n") + 2
    assert [(place.line, place.use.value) for place in found.left] == [
        (lines, "read"), (lines + 1, "write"),
    ]  # fmt: skip
    assert len(found.places) > 20


def test_a_view_takes_what_is_written_where_the_plan_says_so(
    platform: Names, tmp_path: Path
) -> None:
    tables = tuple(
        dataclasses.replace(table, is_writable=table.role == "balances")
        for table in platform.tables
    )

    places = in_one(tmp_path, Names(tables, platform.functions), SUPABASE)

    told = {(place.line, place.becomes.partition(";")[0]) for place in places}
    assert told >= {
        (4, "reads a view of today's balance"),
        (11, "a view makes a charge, a refund or a grant of it"),
        (14, "refused after the cut-over (PT410)"),
    }


@pytest.mark.parametrize(("close", "uses"), [("nothing", []), ("table", ["write", "read"])])
def test_tables_of_tasks_that_stay_open_are_nothing_to_do(
    conn: Conn, tmp_path: Path, close: str, uses: list[str]
) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = planned(conn, tmp_path)
    plan = replace(plan, tasks=tuple(replace(part, close=close) for part in plan.tasks))
    names = names_of(read_catalog(conn, plan.all_schemas), plan)
    source = (
        "await supabase.from('enhancement_tasks').insert({ user_id });\n"
        "await supabase.from('enhancement_tasks').select('status');\n"
    )

    places = in_one(tmp_path, names, source)

    assert [place.use.value for place in places] == uses
    assert all("credits." in place.becomes for place in places)


def test_what_is_not_source_is_passed_over(platform: Names, tmp_path: Path) -> None:
    line = "await supabase.from('user_credits').select('*');\n"
    app = write(
        tmp_path,
        {
            "node_modules/x/index.js": line,
            ".git/objects/1": line,
            "logo.png": b"\x89PNG\0" + line.encode(),
            "README.md": line,
            "data.sql": "select 1;\n" * 300_000,
            "utf16.sql": "select * from user_credits".encode("utf-16"),
            "latin1.js": "const größe = 1;\n".encode("latin-1") + line.encode(),
            "dist/app.js": "a();" * 100_000 + line.strip() * 20 + "\n" + line,
            "odd \x1b[31m\udcff.js": line,
        },
    )
    (app / "loop").symlink_to(app)
    (app / "twice.js").symlink_to(app / "latin1.js")
    os.mkfifo(app / "pipe.js")

    found = search(app, platform)

    assert told(found) == [
        ("latin1.js", 2, "read", "user_credits"),
        ("odd \x1b[31m\udcff.js", 1, "read", "user_credits"),
        ("utf16.sql", 1, "read", "user_credits"),
        ("dist/app.js", 1, "generated", "user_credits"),
        ("dist/app.js", 2, "read", "user_credits"),
    ]
    assert [(one.file, one.because) for one in found.passed_over] == [
        ("data.sql", "it has more than 2,000,000 bytes")
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(platform: Names, tmp_path: Path) -> None:
    app = write(tmp_path, {"a.js": "", "b/c.js": ""})
    (app / "a.js").chmod(0)
    (app / "b").chmod(0)
    try:
        found = search(app, platform)
    finally:
        (app / "b").chmod(0o700)
    assert sorted((one.file, one.because) for one in found.passed_over) == [
        ("a.js", "Permission denied"), ("b", "Permission denied"),
    ]  # fmt: skip


def test_names_that_need_quotes(conn: Conn, tmp_path: Path) -> None:
    conn.execute(
        'create table "Wallets Größe" ("Id" uuid primary key, "userId" uuid not null unique,'
        ' "Credits Übrig" int not null)'
    )
    (tmp_path / "plan.toml").write_text(
        'version = 1\nschemas = ["public"]\n[[balances]]\ntable = "public.Wallets Größe"\n'
        'key = "Id"\nuser = "userId"\n[[balances.buckets]]\ncolumn = "Credits Übrig"\n'
    )
    plan = read_plan(tmp_path / "plan.toml")
    names = names_of(read_catalog(conn, ["public"]), plan)
    source = (
        'sql`update "Wallets Größe" set "Credits Übrig" = 0`;\n'
        'sql`select "Id" from public."Wallets Größe"`;\nrow["Credits Übrig"] -= 1;\n'
    )

    assert [(one.line, one.use.value, one.columns) for one in in_one(tmp_path, names, source)] == [
        (1, "write", ("Credits Übrig",)),
        (2, "read", ()),
        (3, "write", ("Credits Übrig",)),
    ]


def test_users_with_other_ids_are_named_by_user_id(platform: Names, tmp_path: Path) -> None:
    names = Names(platform.tables, platform.functions, "external")
    source = "query('select consume_user_credits($1, 5)');\n"

    (place,) = in_one(tmp_path, names, source)

    assert "p_user_id => credits.user_id($1::text), p_credits => 5" in place.instead


def test_the_exit_status_says_whether_anything_is_left(
    database: Database, conn: Conn, tmp_path: Path
) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = planned(conn, tmp_path)
    assert plan.balances
    app = write(tmp_path, {"a.ts": SUPABASE, "b/c.ts": "const x = 1;\n"})
    before = (app / "a.ts").stat().st_mtime_ns

    def calls(*arguments: str) -> Any:
        return pgcredits("adopt", "calls", *arguments, "--plan", "plan.toml",
                         dsn=database.dsn, folder=tmp_path)  # fmt: skip

    found = calls("app")
    assert found.returncode == 27
    assert "a.ts:4: reads public.user_credits (current_balance, purchased_" in found.stdout
    assert "files read: 2, places left: 7 (reads 3, writes 2, calls 2)\n" in found.stdout
    document = json.loads(calls("app", "--format", "json").stdout)
    assert (document["version"], document["left"], document["files"]) == (1, 7, 2)
    assert document["places"][4]["instead"].startswith('.schema("credits").rpc("deduct_user')
    assert calls("app/b").returncode == 0
    assert calls("app/b").stdout == "files read: 1, places left: 0\n"
    assert calls("nowhere").returncode == 2
    assert (app / "a.ts").stat().st_mtime_ns == before
    assert sorted(one.name for one in app.rglob("*")) == ["a.ts", "b", "c.ts"]


def test_large_sources_are_searched_quickly(platform: Names, tmp_path: Path) -> None:
    """A file is looked at closely only where it may name something; a long line once."""
    plain = "export const answer = (question: string) => question.length + 42;\n" * 60
    sources: dict[str, str | bytes] = {f"{n % 50}/{n}.ts": plain for n in range(2_000)}
    sources["bundle.js"] = "x=supabase.from('user_credits').select('*');" * 40_000
    app = write(tmp_path, sources)

    began = time.process_time()
    found = search(app, platform)

    assert [(place.file, place.use.value) for place in found.places] == [("bundle.js", "generated")]
    assert time.process_time() - began < 3
