"""Judge reports of --coverage-of-procedures: every statement of every procedure was executed.

usage: coverage.py EXCEPTIONS REPORT...

The reports of several runs, or of pytest-xdist's workers, are added up. EXCEPTIONS is a TOML file:
for each statement that no test can reach, an [[exception]] with `function`, `text` (the first line
of the statement, stripped) and `reason`. An exception whose statement was executed, or does not
exist, is a failure, too.
"""

# ruff: noqa: T201 - a report on the command line

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Statement:
    """One statement and how often it ran."""

    function: str
    line: int
    kind: str
    text: str
    executed: int


def read(reports: list[Path]) -> tuple[list[Statement], list[str]]:
    """The statements, and the functions that the profiler cannot look into."""
    executed: Counter[tuple[str, int]] = Counter()
    functions = {}
    for report in reports:
        for function, about in json.loads(report.read_text(encoding="utf-8")).items():
            functions[function] = about
            for statement in about["statements"]:
                executed[function, statement["id"]] += statement["executed"]

    statements = []
    opaque = []
    for function, about in sorted(functions.items()):
        if about["language"] != "plpgsql":
            opaque.append(f"{function} ({about['language']})")
        source = about["source"].split("\n")
        for statement in about["statements"]:
            line = statement["line"]
            text = source[line - 1].strip() if line <= len(source) else ""
            times = executed[function, statement["id"]]
            statements.append(Statement(function, line, statement["kind"], text, times))
    return statements, opaque


def main() -> int:
    """Print the figure, what was never executed, and what is wrong with the exceptions."""
    exceptions, *reports = map(Path, sys.argv[1:])
    statements, opaque = read(reports)
    listed = tomllib.loads(exceptions.read_text(encoding="utf-8")).get("exception", [])
    reasons = {(entry["function"], entry["text"]): entry["reason"] for entry in listed}

    never = [s for s in statements if not s.executed]
    excused = [s for s in never if (s.function, s.text) in reasons]
    missing = [s for s in never if s not in excused]
    idle = set(reasons) - {(s.function, s.text) for s in excused}

    executed = len(statements) - len(never)
    share = 100 * executed / len(statements) if statements else 0
    functions = len({s.function for s in statements})
    print(f"statements of {functions} PL/pgSQL functions: {len(statements)}")
    print(f"executed by tests: {executed} ({share:.2f} %)")
    for s in excused:
        reason = reasons[s.function, s.text]
        print(f"excused: {s.function} line {s.line}, {s.kind}: {s.text}\n    {reason}")
    for s in missing:
        print(f"NEVER EXECUTED: {s.function} line {s.line}, {s.kind}: {s.text}")
    for function, text in sorted(idle):
        print(f"NO LONGER AN EXCEPTION: {function}: {text}")
    print(f"in other languages, without statements to count: {', '.join(opaque)}")
    return 1 if missing or idle or not statements else 0


if __name__ == "__main__":
    sys.exit(main())
