"""What the text around a name says of its use: SQL, query builders, object mappers."""

from __future__ import annotations

import re
from enum import StrEnum

#: So much text before and after a name is looked at.
BEFORE, AFTER = 300, 600


class Use(StrEnum):
    """What source does with what it names."""

    READ = "read"
    WRITE = "write"
    CALL = "call"
    MODEL = "model"
    NAME = "name"
    GENERATED = "generated"
    DEFINITION = "definition"


_SQL = re.compile(
    r"""\b(?P<verb>from|join|using|update|into|delete\s+from|truncate(?:\s+table)?|table)\s+
        (?:only\s+)?(?:if\s+(?:not\s+)?exists\s+)?
        (?:["`\[]?\w+["`\]]?\s*\.\s*)?["`\[]?$""",
    re.IGNORECASE | re.VERBOSE,
)
#: A call whose first argument is the name, quoted or not: .from('x'), db.update(x).
_ARGUMENT = re.compile(
    r"""(?P<callee>\w+)\s*(?:<[^<>()]*>)?\(\s*&?(?:\w+\s*[=:]\s*)?(?P<quote>['"`:](?:\w+\.)?)?$"""
)
#: Of a subscription to changes: { event: "UPDATE", table: "x" }.
_PROPERTY = re.compile(r"""\btable['"]?\s*:\s*['"`]$""")
_MAPPED = re.compile(r"""(?:__tablename__|table_?name|db_table|\$table)\s*[:=]\s*['"`]$""", re.I)
_RECEIVER = re.compile(
    r"(?:\b(?:prisma|tx|trx|db|database|client|orm|models?|objects|entities|dataSource)|\$\w+)"
    r"(?:\.|->)$",
    re.IGNORECASE,
)
_DECLARED = re.compile(
    r"\b(?:class|interface|type|model|enum|struct|export\s+const|const|let|var)\s+$"
)
_WRITES = re.compile(
    r"(?:\.|->|::)\s*(?:update\w*|insert\w*|upsert\w*|create\w*|delete\w*|destroy\w*|del|save\w*"
    r"|increment\w*|decrement\w*|bulk\w*|truncate|add|remove|replace\w*|set|merge|get_or_create"
    r"|find_or_create\w*|findOrCreate|firstOrCreate)\s*[(<!]",
    re.IGNORECASE,
)
_CHAINED = re.compile(r"\s*(?:\.|->|::)\s*(?:objects\b|\w+(?:\s*\(|<[\w{\[]|[.!]))")
#: Where a statement of a program ends, as far as text shows it.
_END = re.compile(
    r";|\n\s*\n|\n\s*(?:const|let|var|return|if|else|await|def|end|class|export|try)\b|\n\s*\}\s*\n"
)
_IMPORT = re.compile(
    r"\s*(?:import|export\s*\{|export\s+\*|from\s+[\w.]+\s+import|use\s+\w|require)"
)
_COMMENT = re.compile(r"\s*(?://|\#(?!\{|\[)|--|/?\*)")
#: What migrations of object mappers call to define something.
_CREATES = re.compile(
    r"""\b(?:(?:create|drop|alter|rename|change)_?(?:table|column|index)|add_?(?:column|index
        |reference|foreign_?key|check_?constraint))\s*\(?\s*(?:['"`]|:)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_DEFINES = re.compile(r"^(?:(?:pg|mysql|sqlite)Table|Table|Entity|define|model|map)$")
_INTO = re.compile(
    r"^(?:insert_?(?:into)?|into|update(?:table)?|upsert|replaceinto|delete_?(?:from)?|truncate"
    r"|del)$"
)
_FROM = re.compile(r"^(?:from_?|select_?from|\w*join|table|knex|db|collection|sql)$")
_FROM_TELLING = re.compile(
    r"^(?:select|query|get|getrepository|exists|count|find|repository|with|usetable|model)$"
)


def statement(text: str, end: int) -> str:
    """What follows a name, up to the end of its statement."""
    rest = text[end : end + AFTER]
    cut = _END.search(rest)
    return rest[: cut.start()] if cut else rest


def is_idle(line: str) -> bool:
    """Whether a line only imports, or is a comment."""
    return bool(_IMPORT.match(line) or _COMMENT.match(line))


def use_of_table(
    spelling: str, before: str, after: str, *, is_telling: bool, is_mapped: bool
) -> Use | None:
    """What is done with a table where its name stands; None where it is only a word.

    Args:
        spelling: How it stands there.
        before: The text before it.
        after: The rest of its statement.
        is_telling: Whether the name can hardly stand for anything else.
        is_mapped: Whether it is spelt as object mappers do, and as variables are.
    """
    sql = _SQL.search(before)
    if sql and (is_telling or _is_sql(sql["verb"].lower(), before, after)):
        verb = sql["verb"].lower()
        if verb == "table":
            return Use.DEFINITION
        return Use.READ if verb in ("from", "join", "using") else Use.WRITE
    if _CREATES.search(before):
        return Use.DEFINITION
    argument = _ARGUMENT.search(before)
    found = _use_as_argument(argument, before, after, is_telling=is_telling) if argument else None
    if found:
        return found
    if _RECEIVER.search(before) and _CHAINED.match(after):
        return _by_chain(after)
    if not is_telling:
        return None
    if _PROPERTY.search(before):
        return Use.READ
    if _MAPPED.search(before):
        return Use.MODEL
    if re.search(r"\bnew\s+$", before):
        return Use.WRITE
    if _DECLARED.search(before) and not after.lstrip(" ").startswith(("}", ",")):
        # A variable of this name is a model only where it is made one.
        is_variable = re.search(r"\b(?:const|let|var)\s+$", before)
        is_made = re.match(r"\s*=\s*\w*(?:table|define|model|entity)", after, re.IGNORECASE)
        return Use.MODEL if is_made or not is_variable else None
    # UserCredits.find() is a class's; userCredits.map() is whatever a variable holds.
    if is_mapped and spelling[0].isupper() and _CHAINED.match(after):
        return _by_chain(after)
    return None if is_mapped else Use.NAME


def _is_sql(verb: str, before: str, after: str) -> bool:
    """Whether an ordinary word stands in SQL, and not in a sentence of English."""
    before = before.rpartition(";")[2]
    if verb in ("from", "join", "using"):
        return bool(re.search(r"\b(?:select|delete|with)\b", before, re.IGNORECASE))
    if verb == "update":
        return bool(re.match(r"""["`\]]?\s+(?:as\s+\w+\s+|\w+\s+)?set\b""", after, re.IGNORECASE))
    if verb == "into":
        return bool(re.search(r"\b(?:insert|merge)\s+into\b", before, re.IGNORECASE))
    return True


def _use_as_argument(
    argument: re.Match[str], before: str, after: str, *, is_telling: bool
) -> Use | None:
    callee = argument["callee"]
    if _DEFINES.match(callee) and argument["quote"]:
        return Use.MODEL
    # Array.from(users) is no query, and cache.delete(users) no statement.
    is_query = argument["quote"] or is_telling or re.search(r"\bselect\b|\b(?:db|tx|trx)\.", before)
    if _INTO.match(callee.lower()):
        return Use.WRITE if is_query else None
    if _FROM.match(callee.lower()):
        return _by_chain(after) if is_query else None
    return _by_chain(after) if is_telling and _FROM_TELLING.match(callee.lower()) else None


def _by_chain(after: str) -> Use:
    return Use.WRITE if _WRITES.search(after) else Use.READ


def use_of_column(before: str, after: str) -> Use:
    """What is done with a column that stands alone: it is written where a value is given to it."""
    if re.match(r"""['"`\]]*\s*(?:[-+*/|&?]{0,2}=(?![=>~])|\+\+|--)""", after):
        return Use.WRITE
    if re.match(r"""['"`]?\s*(?::|=>)(?!:)(?!\s*(?:true|false|number|int\w*|string)\b)""", after):
        return Use.WRITE
    if re.search(r"\bset\s+(?:\w+\.)?$", before, re.IGNORECASE):
        return Use.WRITE
    return Use.READ


def use_of_function(before: str, after: str, *, is_telling: bool) -> Use | None:
    """What is done with a function where its name stands; None where it is only a word."""
    if re.search(r"\b(?:function|procedure|def|func|fn|async)\s+(?:[\w\"]+\.)?\"?$", before):
        return Use.DEFINITION
    if re.search(r"""(?:rpc|callproc|call_function|proc)\s*(?:<[^<>()]*>)?\(\s*['"`](?:\w+\.)?$""",
                 before, re.IGNORECASE):  # fmt: skip
        return Use.CALL
    sql = r"\b(?:select|from|perform|call|execute|exec|join|lateral|then|else)\s+(?:\w+\.)?\"?$"
    if re.match(r"\"?\s*\(", after) and (is_telling or re.search(sql, before, re.IGNORECASE)):
        return Use.CALL
    return Use.NAME if is_telling else None
