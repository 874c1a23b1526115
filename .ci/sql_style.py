"""The house style of SQL files where sqlfluff cannot look: names, bodies, grants.

usage: sql_style.py [ROOT]

One line per finding; exit status 1 if there is any.
"""

# ruff: noqa: T201 - a report on the command line

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 100
KINDS = {"procedures": "function", "views": "view"}

# Words that are only ever keywords, so that upper case is a slip wherever they stand in code.
KEYWORDS = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|JOIN|BEGIN|END|THEN|ELSE|LOOP|RETURN|RAISE|NULL"
    r"|TRUE|FALSE|AND|OR|NOT|AS|ON|IN|INTO|ORDER|GROUP|BY|PERFORM|DECLARE|CREATE|ALTER|GRANT)\b"
)
LITERAL_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


def without_literals(sql: str) -> str:
    """The SQL without comments and literals; each line keeps its number."""
    return LITERAL_OR_COMMENT.sub(lambda match: "\n" * match[0].count("\n"), sql)


def lines(sql: str) -> Iterator[str]:
    """Findings about the text of any file."""
    if "\r" in sql:
        yield "has carriage returns"
    if not sql.endswith("\n") or sql.endswith("\n\n"):
        yield "does not end with one newline"
    for number, line in enumerate(sql.split("\n"), start=1):
        if not line.isascii():
            # A database of another encoding than UTF8 may not have the character.
            yield f"line {number}: a character that is not ASCII"
        if len(line) > MAX_LINE:
            yield f"line {number}: {len(line)} characters, more than {MAX_LINE}"
        if line != line.rstrip() or "\t" in line:
            yield f"line {number}: a tab, or space at the end"
    for number, line in enumerate(without_literals(sql).split("\n"), start=1):
        for match in KEYWORDS.finditer(line):
            yield f"line {number}: {match[0]} in upper case"


def definition(path: Path, sql: str, kind: str) -> Iterator[str]:
    """Findings about a file that defines one function or view."""
    name = path.stem
    if not re.match(r"-- [A-Z].*[.:]$", sql.split("\n\n")[0].replace("\n-- ", " ").split("\n")[0]):
        yield "does not start with a sentence of purpose"
    created = re.findall(rf"^create (or replace )?{kind} ([\w.]+)", sql, re.MULTILINE)
    if [made.partition(".")[2] for _, made in created] != [name]:
        yield f"does not create exactly the {kind} that it is named after"
    elif kind == "function" and not all(replaces for replaces, _ in created):
        yield "is not re-runnable: create or replace"
    if not re.search(rf"^comment on {kind} [\w.]+\.{name}\b", sql, re.MULTILINE):
        yield f"has no comment on its {kind}"
    if kind == "function":
        yield from function(name, sql)


def function(name: str, sql: str) -> Iterator[str]:
    """Findings about a function's clauses."""
    if f"as ${name}$\n" not in sql or f"\n${name}$;" not in sql:
        yield f"the body is not quoted by ${name}$"
    if not re.search(
        rf"^revoke all on function [\w.]+\.{name}\b.* from public;", sql, re.MULTILINE
    ):
        yield "does not revoke from public"
    head = sql.partition(f"as ${name}$")[0]
    for clause in (
        r"^language (sql|plpgsql)$",
        r"^(immutable|stable|volatile)$",
        r"^parallel (safe|restricted|unsafe)$",
        r"^security (definer|invoker)$",
    ):
        if not re.search(clause, head, re.MULTILINE):
            yield f"does not state {clause.strip('^$')}"
    fixed = "\nset search_path = pg_catalog, pg_temp\n" in head
    if not fixed and ("\nlanguage plpgsql" in head or "\nsecurity definer" in head):
        yield "does not set search_path = pg_catalog, pg_temp"
    arguments = re.search(rf"function [\w.]+\.{name}\((.*?)\)\s*\nreturns", head, re.DOTALL)
    for argument in re.findall(r"^    (\w+) ", arguments[1] if arguments else "", re.MULTILINE):
        if not argument.startswith("p_") and argument not in ("variadic", "out", "inout"):
            yield f"argument {argument} does not start with p_"


def findings(root: Path) -> Iterator[str]:
    """All findings in all SQL files of the three folders, and of those that Python sends."""
    for folder in ("migrations", "python", *KINDS):
        for path in sorted((root / folder).rglob("*.sql")):
            sql = path.read_bytes().decode()
            found = list(lines(sql))
            if folder in KINDS:
                found += definition(path, sql, KINDS[folder])
            yield from (f"{path.relative_to(root)}: {finding}" for finding in found)


def main() -> int:
    """Print the findings."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = list(findings(root))
    print("\n".join(found) if found else "sql style: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
