"""The generated parts of the pages: what the database says of itself, and tables of contents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docs.headings import headings
from pgcredits.exit_status import exit_status_table

if TYPE_CHECKING:
    from datetime import timedelta

    import psycopg

FUNCTIONS = """
    select
        p.proname as name,
        pg_get_function_arguments(p.oid) as arguments,
        case when p.proretset then 'setof ' else '' end
        || regexp_replace(format_type(p.prorettype, null), '^credits\\.', '') as result,
        case
            when has_function_privilege('credits_app', p.oid, 'execute') then 'credits_app'
            when has_function_privilege('credits_analyst', p.oid, 'execute') then 'credits_analyst'
            else 'credits_operator'
        end as role,
        obj_description(p.oid, 'pg_proc') as comment
    from pg_proc as p
    where p.pronamespace = 'credits'::regnamespace
    order by role, p.proname
"""

TYPES = """
    select
        c.relname as name,
        string_agg(
            a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum
        ) as fields,
        obj_description(c.reltype, 'pg_type') as comment
    from pg_class as c
    inner join pg_attribute as a on c.oid = a.attrelid
    where
        c.relnamespace = 'credits'::regnamespace
        and c.relkind = 'c'
        and a.attnum > 0
    group by c.relname, c.reltype
    order by c.relname
"""

VIEWS = """
    select
        c.relname as name,
        obj_description(c.oid, 'pg_class') as comment,
        array_agg(
            array[
                a.attname::text,
                format_type(a.atttypid, a.atttypmod),
                col_description(c.oid, a.attnum)
            ]
            order by a.attnum
        ) as columns
    from pg_class as c
    inner join pg_attribute as a on c.oid = a.attrelid
    where
        c.relnamespace = 'credits_monitoring'::regnamespace
        and c.relkind = 'v'
        and a.attnum > 0
    group by c.oid, c.relname
    order by c.relname
"""

LIFE = """
    select
        s.status,
        array_agg(r.description order by e.n) as cells
    from unnest(array['pending', 'processing', 'succeeded', 'failed', 'timed_out', 'cancelled'])
        with ordinality as s (status, n)
    cross join unnest(%s::text[]) with ordinality as e (event, n)
    left join credits_internal.generation_life() as r
        on s.status = r.status::text and e.event = r.event::text
    group by s.status, s.n
    order by s.n
"""

ALERT_RULES = """
    select
        r.type,
        r.level,
        -- The only rule without a number of its own that has one elsewhere.
        case
            when r.type = 'refund_rate_high'
                then coalesce(r.threshold, s.refund_rate_target_pct)
            else r.threshold
        end as threshold,
        r.critical_factor,
        r.time_window,
        r.min_samples,
        r.floor_usd,
        r.quiet_after,
        r.renotify_after,
        r.description
    from credits.alert_rules as r
    cross join credits.settings as s
    order by r.type
"""

SETTINGS = """
    select
        a.attname as name,
        pg_get_expr(d.adbin, d.adrelid) as default_value,
        col_description(a.attrelid, a.attnum) as comment
    from pg_attribute as a
    left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
    where
        a.attrelid = 'credits.settings'::regclass
        and a.attnum > 0
        and not a.attisdropped
        and a.attname <> 'one_row'
    order by a.attnum
"""

#: The reports of a generation, in the order of the table's columns, and what they are.
EVENTS = {
    "submitted": "attach_provider_task",
    "progress": "callback",
    "success": "complete_generation, callback",
    "failure": "fail_generation, callback",
    "cancel": "cancel_generation",
    "deadline": "sweep_stuck_generations",
}
NOTHING = "\N{EN DASH}"


def sections(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """What the database and the package say of themselves, by the name in a section's markers."""
    return {
        "exit-statuses": exit_status_table(),
        "life": _life(conn),
        "functions": _functions(conn),
        "views": _views(conn),
        "alert-rules": _alert_rules(conn),
        "settings": _settings(conn),
    }


def section_names(text: str) -> list[str]:
    """The generated sections of a page, in its order."""
    return re.findall(r"^<!-- generated: ([\w-]+) -->$", text, re.MULTILINE)


def replaced(text: str, generated: dict[str, str]) -> str:
    """A page's text with its generated sections as they should be.

    Raises:
        ValueError: A section has no end, or nothing here generates it.
    """
    # The table of contents comes last: other sections have headings, too.
    for name in sorted(section_names(text), key="contents".__eq__):
        section = contents(text) if name == "contents" else generated.get(name)
        if section is None:
            raise ValueError(f"there is nothing to generate the section `{name}` from")
        pattern = re.compile(f"(<!-- generated: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
        escaped = section.replace("\\", r"\\")
        text, found = pattern.subn(rf"\1\n{escaped}\n\2", text)
        if found != 1:
            raise ValueError(f"a page must have one whole section `{name}`, not {found}")
    return text


def contents(text: str) -> str:
    """A page's table of contents: a line for each section, with its subsections."""
    lines: list[str] = []
    for heading in headings(text):
        link = f"[{heading.title}](#{heading.anchor})"
        if heading.level == 2:
            lines.append(f"- {link}")
        elif heading.level == 3:
            lines[-1] += f"{', ' if ': [' in lines[-1] else ': '}{link}"
    return "\n".join([*lines, ""])


def _life(conn: psycopg.Connection[Any]) -> str:
    lines = [
        "| status | " + " | ".join(EVENTS) + " |",
        "|---" * (len(EVENTS) + 1) + "|",
        "| *by* | " + " | ".join(EVENTS.values()) + " |",
    ]
    lines += [
        # SQL files are ASCII, a page need not be.
        f"| {row.status} | {' | '.join(cell or NOTHING for cell in row.cells)} |".replace("->", "→")
        for row in conn.execute(LIFE, (list(EVENTS),))
    ]
    return "\n".join([*lines, ""])


def _functions(conn: psycopg.Connection[Any]) -> str:
    lines = []
    role = ""
    for function in conn.execute(FUNCTIONS):
        if function.role != role:
            role = function.role
            lines += [f"### For `{role}`", ""]
        lines += [
            f"**{function.name}**(" + _code_list(function.arguments) + f") → `{function.result}`  ",
            function.comment,
            "",
        ]
    lines += ["### What they return", ""]
    for composite in conn.execute(TYPES):
        lines += [f"**{composite.name}**({_code_list(composite.fields)})  ", composite.comment, ""]
    return "\n".join(lines)


def _views(conn: psycopg.Connection[Any]) -> str:
    lines = []
    for view in conn.execute(VIEWS):
        lines += [f"### {view.name}", "", view.comment, "", "| column | type | |", "|---|---|---|"]
        lines += [
            f"| {name} | {kind.replace('timestamp with time zone', 'timestamptz')} | {comment} |"
            for name, kind, comment in view.columns
        ]
        lines += [""]
    return "\n".join(lines)


def _alert_rules(conn: psycopg.Connection[Any]) -> str:
    columns = (
        "type",
        "level",
        "threshold",
        "critical above",
        "window",
        "at least",
        "quiet after",
        "told again after",
    )
    lines = [f"| {' | '.join(columns)} | |", "|---" * (len(columns) + 1) + "|"]
    for rule in conn.execute(ALERT_RULES):
        critical = None
        if rule.threshold is not None and rule.critical_factor is not None:
            critical = f"{(rule.threshold * rule.critical_factor).normalize():f}"
        floor = rule.floor_usd and f"{rule.floor_usd.normalize():f} USD"
        cells = [
            f"`{rule.type}`",
            rule.level,
            rule.threshold and f"{rule.threshold.normalize():f}",
            critical,
            _span(rule.time_window),
            rule.min_samples or floor,
            _span(rule.quiet_after),
            _span(rule.renotify_after),
            rule.description,
        ]
        lines.append(f"| {' | '.join('' if c is None else str(c) for c in cells)} |")
    return "\n".join([*lines, ""])


def _settings(conn: psycopg.Connection[Any]) -> str:
    lines = ["| setting | default | |", "|---|---|---|"]
    for setting in conn.execute(SETTINGS):
        default = re.sub(r"^'(.*)'::\w+$|::\w+", r"\1", setting.default_value or "null")
        lines.append(f"| `{setting.name}` | {default} | {setting.comment} |")
    return "\n".join([*lines, ""])


def _span(span: timedelta | None) -> str | None:
    """A time span in its largest whole unit; up to a day in hours, as people say it."""
    if span is None:
        return None
    minutes = round(span.total_seconds() / 60)
    if minutes % 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes <= 24 * 60 else f"{minutes // 1440} days"


def _code_list(items: str) -> str:
    """`a, b` as code, each item on its own, in the short words that people use."""
    short = items.replace("timestamp with time zone", "timestamptz")
    short = re.sub(
        r" DEFAULT (NULL|'[^']*'|\w+)(::\w+( precision)?)?", lambda m: f" = {m[1].lower()}", short
    )
    return ", ".join(f"`{item}`" for item in re.split(r", (?=\w+ \w)", short))
