"""What the exit status of the command line means. The numbers are API: none is ever reused."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """An exit status, and in a phrase when the command line ends with it."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> ExitStatus:
        """The number is the value; the phrase is an attribute."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    OK = 0, "all went well; a program that runs until it is stopped also ends so after a signal"
    ERROR = 1, "an error that has no exit status of its own"
    WRONG_USAGE = 2, "the command line makes no sense"
    NO_CONNECTION = 3, "the database cannot be reached, or does not let the user in"
    REFUSED = 4, "refused, and nothing was changed: it would do harm, or a right is missing"
    NEWER_DATABASE = 5, "a newer pgcredits has deployed this database"
    LOCAL_SERVER = 6, "a local PostgreSQL server is missing, or does not start or stop"
    LEDGER_VIOLATION = 7, "the ledger has violations, or in the demo a net price is wrong"
    DAMAGED_SOURCES = 8, "the SQL files of the package are incomplete or contradict each other"
    DEPLOY_FAILED = 9, "the server refused a statement of a deploy; nothing was changed"
    NOT_INSTALLED = 10, "`check`: pgcredits is not in this database"
    NEWER = 11, "`check`: a newer pgcredits has deployed here"
    SMOKE = 12, "`check --smoke`: a grant, a deduct or a refund did not do what it should"
    EDITED_MIGRATION = 13, "`check`: the file of an applied migration is not what was applied"
    MISSING = 14, "`check`: an object of ours, or a role, is gone"
    DRIFT = 15, "`check`: an object was changed by hand"
    UNMANAGED = 16, "`check`: an object in our schemas that pgcredits did not make"
    PENDING = 17, "`check`: `migrate` has something to apply"
    SERVER_CHANGED = 18, "`check`: the server has another major version than at the last deploy"
    HEADS_FILE = (
        19,
        "`verify`: a file of heads, or of progress, cannot be read, understood or written",
    )
    MAINTENANCE = 20, "`maintain --once`: a task failed"
    ALERTS = 21, "`alerts`: an alert cannot be passed on, acknowledged or resolved"
    REPORT = 22, "`report`, `demo` and `adopt`: a report or a file cannot be made or written"
    MONITORING = 23, "`monitoring export`: files there differ, or cannot be written"
    ADOPTION_PLAN = 24, "`adopt`: the plan cannot be read, does not fit, or is contradicted"
    ADOPTION_FAULTS = 25, "`adopt inspect`: the older system has errors"
    ADOPTION = 26, "`adopt`: something is in the way, or a total differs"
    ADOPTION_CALLS = 27, "`adopt calls`: source still names what is moved"


def exit_status_table() -> str:
    """All of them as a table in Markdown, and the next free number."""
    lines = ["| status | name | meaning |", "|---|---|---|"]
    lines += [f"| {status.value} | `{status.name}` | {status.meaning} |" for status in ExitStatus]
    return "\n".join([*lines, "", f"The next free status is {max(ExitStatus) + 1}.", ""])
