"""The report's figures are those of the views, in every format, and strangers' texts do no harm."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from command_line.report.pages import parsed, read, small_history
from pgcredits.connections import connect
from pgcredits.output.files import write
from pgcredits.output.palette import DARK, LIGHT, Scheme, contrast
from pgcredits.printable import harmless
from pgcredits.report import ReportError, read_report
from pgcredits.report.charts import charts
from pgcredits.report.document import to_json
from pgcredits.report.page import to_html
from pgcredits.report.period import first_day
from pgcredits.report.terminal import show
from support.api import call, new_user
from support.attempts import fail, refunds_broken, start
from support.books import grant

if TYPE_CHECKING:
    from pathlib import Path

    from pgcredits.report import Report
    from support.databases import Database

FIRST, TODAY = date(2026, 1, 10), date(2026, 3, 1)


def as_text(report: Report) -> str:
    file = io.StringIO()
    show(Console(file=file, width=80, force_terminal=False), report)
    return file.getvalue()


def test_who_needs_a_refund_is_named_as_the_application_does(database: Database, conn: Any) -> None:
    named = call(conn, "register_user", "user_<2abC>").register_user
    other = new_user()
    for user in (named, other):
        grant(conn, user, 100)
        with refunds_broken(conn, user):
            fail(conn, start(conn, user=user))

    report = read(database)
    (first, second) = json.loads(to_json(report))["users_needing_refunds"]["rows"]
    text, page = as_text(report), parsed(to_html(report))

    assert (first["user_id"], first["external_user_id"]) == (str(named), "user_<2abC>")
    assert (second["user_id"], second["external_user_id"]) == (str(other), None)
    # On a terminal it stands beneath the uuid.
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if str(named) in line]
    assert lines[at + 1][lines[at].index(str(named)) :].startswith("user_<2abC>")
    assert str(other) in text
    assert {"external id", "user_<2abC>"} <= set(page.cells)


def test_the_figures_are_the_same_in_all_formats(database: Database, conn: Any) -> None:
    small_history(conn)

    report = read(database)
    told = json.loads(to_json(report))

    today = f"{report.today}"
    assert told["usage"]["rows"] == [
        {
            "day": today,
            "started": 3,
            "succeeded": 2,
            "failed": 1,
            "timed_out": 0,
            "cancelled": 0,
            "in_flight": 0,
            "credits_charged": 17,
            "credits_refunded": 7,
        }
    ]
    (cost,) = told["costs"]["rows"]
    assert (cost["billed_generations"], float(cost["cost_usd"])) == (3, 0.7)
    (rate,) = told["refund_rate"]["rows"]
    assert (rate["finished"], rate["refunded"], rate["refund_rate_pct"]) == (3, 1, "33.33")
    assert rate["within_target"] is False
    assert float(told["absorbed"]["rows"][0]["cost_usd"]) == 0.4
    assert sum(row["outstanding_credits"] for row in told["balances"]["rows"]) == 90

    text, cells = as_text(report), parsed(to_html(report)).cells
    for table in report.tables.values():
        names = [c.label for c in table.columns]
        assert not table.rows or set(names) <= set(cells)
    for figure in ("17", "33.33", "0.7000", "0.4000", "90"):
        assert figure in cells
        assert re.search(rf"(?<!\S){re.escape(figure)}(?!\S)", text), figure


def test_hostile_words_harm_no_format(database: Database, conn: Any) -> None:
    small_history(conn)
    report = read(database)

    text, html = as_text(report), to_html(report)

    for made in (text, html):
        odd = {c for c in made if unicodedata.category(c) in ("Cc", "Cf")}
        assert odd <= {"\n"}
        assert len(made) < 400_000
    assert "[bold" in text
    assert max(map(len, text.splitlines())) <= 80
    page = parsed(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert any("<script>alert(1)</script></svg></style>[bold red]" in c for c in page.cells)
    assert "{{ 7*7 }}" in page.text
    assert to_json(report).isascii()
    assert "\x1b" not in to_json(report)


def test_a_hostile_provider_harms_no_chart(database: Database, conn: Any) -> None:
    small_history(conn, "<script>alert(1)</script></svg><b onload=x>\u202e")

    html = to_html(read(database))

    page = parsed(html)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "\u202e" not in html
    # In the charts of costs and reliability, each in two widths, and beside them.
    assert page.text.count("<script>alert(1)") > 4


def with_rows(report: Report, key: str, *rows: tuple[Any, ...]) -> Report:
    table = replace(report.tables[key], rows=rows, total=len(rows))
    return replace(report, tables={**report.tables, key: table})


def test_a_provider_without_a_success_looks_other_than_one_without_data(
    database: Database, conn: Any
) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 100)
    for provider in ("down", "up"):
        generation = call(conn, "start_generation", user, provider, "image", 5).generation_id
        end = "fail_generation" if provider == "down" else "complete_generation"
        call(conn, end, user, generation, *["internal_error"] * (provider == "down"))
    report = read(database)
    # Of the failing provider's three bars that of the last day is without data.
    rows = [
        (*row[:2], 0, *[None] * (len(row) - 3)) if row[:2] == ("down", "24h") else row
        for row in report.tables["reliability"].rows
    ]

    chart = charts(with_rows(report, "reliability", *rows))["reliability"]

    for svg in (chart.wide, chart.narrow):
        words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
        assert (words.count("0 %"), words.count("nothing finished")) == (2, 1)


def test_on_a_terminal_an_id_is_in_one_piece(database: Database) -> None:
    user, generation = new_user(), new_user()
    row = (datetime.now(UTC), user, generation, "nanobanana", "internal_error", 5, "long " * 50)

    text = as_text(with_rows(read(database), "users_needing_refunds", row))

    assert str(user) in text
    assert max(map(len, text.splitlines())) <= 80


def test_credits_that_expire_at_the_end_of_time_never_do(database: Database, conn: Any) -> None:
    """Some write "never" as a date at the end of time, which is past Python's last year, 9999."""
    small_history(conn)
    for expires_at in ("9999-12-31 23:59:59Z", "12000-01-01"):
        call(conn, "grant_user_credits", new_user(), 5, p_expires_at=expires_at)
    call(conn, "grant_user_credits", new_user(), 7, p_expires_at="2999-12-31")

    liability = [tuple(row.values()) for row in read(database).tables["liability"].dicts()]

    assert [row[:4] for row in liability] == [
        ("goodwill", date(2999, 12, 1), 1, 7),
        ("goodwill", None, 3, 100),
    ]


@pytest.mark.parametrize("style", ["German, DMY", "SQL, DMY", "Postgres, MDY"])
def test_a_database_may_have_another_style_of_dates(
    database: Database, conn: Any, style: str
) -> None:
    small_history(conn)
    conn.execute(f"alter database {database.name} set datestyle = '{style}'")

    with connect(f"{database.dsn} options='-c role=credits_analyst'") as analyst:
        assert read_report(analyst, "30d").made_at.tzinfo


def test_small_sums_keep_their_digits(database: Database, conn: Any) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 100)
    for number in range(8):
        generation = call(
            conn, "start_generation", user, f"provider {number}", "text", 1
        ).generation_id
        call(conn, "complete_generation", user, generation, p_cost_usd=f"0.0000{number + 1}")
    report = read(database)

    page = parsed(to_html(report))

    assert "0.000020" in page.cells
    assert "0.000020" in as_text(report)
    ticks = [t for t in re.findall(r"0\.0+\d+", page.text) if len(t) < 9]
    assert len(set(ticks)) > 2
    # Eight providers, six colours: who cost least share one, and the table has all.
    assert "3 others" in page.text
    assert {f"provider {number}" for number in range(8)} <= set(page.cells)


def test_the_page_needs_nothing_from_anywhere(database: Database, conn: Any) -> None:
    small_history(conn)
    html = to_html(read(database))
    page = parsed(html)

    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "img", "iframe", "image", "use", "foreignobject"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "href", "xlink:href", "srcset", "data"), (tag, name)
            assert "url(" not in (value or ""), (tag, name, value)
    assert "@import" not in html
    assert "url(" not in html
    (csp,) = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert csp == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_a_screen_reader_finds_its_way(database: Database, conn: Any) -> None:
    small_history(conn)
    page = parsed(to_html(read(database)))
    tags = [tag for tag, _ in page.tags]

    assert dict(page.tags)["html"] == {"lang": "en"}
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    assert tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") > 5
    assert all("scope" in a for tag, a in page.tags if tag == "th")
    images = [a for tag, a in page.tags if tag == "svg"]
    # Usage, cost, rate, reliability, absorbed, balances, liability: each for two widths.
    assert len(images) == 14
    assert all(a["role"] == "img" and a["aria-label"] for a in images)
    # Behind each chart comes its table.
    for place, tag in enumerate(tags):
        if tag == "svg":
            following = tags[place:]
            section = following.index("section") if "section" in following else len(following)
            assert "table" in following[:section]


def test_an_empty_ledger_says_so(database: Database) -> None:
    report = read(database)

    assert "Nothing was generated in this time" in parsed(to_html(report)).text
    assert "svg" not in to_html(report).split("</style>")[1]
    assert "nothing was generated in this time" in as_text(report)
    assert json.loads(to_json(report))["usage"]["rows"] == []


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_colours_can_be_told_from_their_background(scheme: Scheme) -> None:
    for background in (scheme.background, scheme.card):
        for text in (scheme.text, scheme.muted, scheme.good, scheme.warn, scheme.bad):
            assert contrast(text, background) >= 4.5, text
        for graphic in scheme.series:
            assert contrast(graphic, background) >= 3, graphic
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_since_is_a_day_or_a_number_of_days() -> None:
    assert first_day("2026-02-01", FIRST, TODAY) == (date(2026, 2, 1), False)
    assert first_day("2026-03-01", FIRST, TODAY) == (TODAY, False)
    assert first_day("2026-01-10", FIRST, TODAY) == (FIRST, False)
    assert first_day("1d", FIRST, TODAY) == (TODAY, False)
    assert first_day("2d", FIRST, TODAY) == (TODAY - timedelta(days=1), False)
    assert first_day("51d", FIRST, TODAY) == (FIRST, False)
    assert first_day("52d", FIRST, TODAY) == (FIRST, True)
    assert first_day("99999d", FIRST, TODAY) == (FIRST, True)


@pytest.mark.parametrize(
    "since", ["2026-03-02", "2026-01-09", "2026-02-30", "", "0d", "-1d", "x", "20260201", "1d;"]
)
def test_what_is_no_day_of_the_history_is_refused_by_name(since: str) -> None:
    with pytest.raises(ReportError, match="--since") as raised:
        first_day(since, FIRST, TODAY)

    assert raised.value.exit_status == 22
    assert raised.value.hint


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write(path, "a\udc00")
    assert path.read_text() == "before"

    write(path, "ä\n")

    assert path.read_bytes() == "ä\n".encode()
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(ReportError, match="--output"):
        write(tmp_path / "nowhere" / "page.html", "x")


def test_a_long_word_is_cut_and_says_so() -> None:
    assert harmless("a\x1b[1m\u202eb\n\tc") == "a [1m b c"
    assert harmless("x" * 301) == "x" * 299 + "…"
