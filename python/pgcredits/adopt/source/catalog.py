"""What is in the older system's schemas, from PostgreSQL's own catalog."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.source.vocabulary import ACCOUNTS, plain
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

    from pgcredits.adopt.plan.model import Balances

#: pgcredits' own schemas, which are never an older system's.
OURS = ("credits", "credits_internal", "credits_monitoring", "credits_deploy")

_SCHEMAS = read_sql(__package__, "schemas.sql")
_TABLES = read_sql(__package__, "tables.sql")
_COLUMNS = read_sql(__package__, "columns.sql")
_FUNCTIONS = read_sql(__package__, "functions.sql")
_VIEWS = read_sql(__package__, "views.sql")
_WINDOWS = read_sql(__package__, "windows.sql")

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
TEXTS = ("text", "character varying", "character", "citext")
TIMES = ("timestamp with time zone", "timestamp without time zone", "date")


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    is_nullable: bool
    is_unique: bool
    key_position: int
    comment: str = ""
    generated: str = ""
    refers_to: str | None = None
    refers_to_column: str | None = None
    emptied_by: str | None = None
    open_to_all: tuple[str, ...] = ()

    @cached_property
    def word(self) -> str:
        """Its name in the spelling of the lists in vocabulary."""
        return plain(self.name)

    @property
    def is_number(self) -> bool:
        """Whether it can hold an amount."""
        return self.type in NUMBERS

    @property
    def is_time(self) -> bool:
        """Whether it holds a time."""
        return self.type in TIMES

    @property
    def is_word(self) -> bool:
        """Whether it holds words: a text, or one of a list."""
        return not (self.is_number or self.is_time or self.type in ("uuid", "boolean", "jsonb"))


@dataclass(frozen=True)
class Policy:
    """A policy of row security that lets everybody write, or keeps them from it.

    Attributes:
        name: As it was made.
        command: One of a (insert), w (update), d (delete) and * (all), as in pg_policy.
        kind: permissive or restrictive.
        using: Which old rows may be written.
        check: What the new row must be like.
    """

    name: str
    command: str
    kind: str
    using: str
    check: str


@dataclass(frozen=True)
class Table:
    """A table, partitioned or not."""

    oid: int
    schema: str
    name: str
    columns: tuple[Column, ...]
    estimated_rows: int = 0
    writes: int = 0
    has_row_security: bool = False
    partitioned_by: tuple[str, ...] = ()
    open_to_all: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def word(self) -> str:
        """Its name without schema, in the spelling of the lists in vocabulary."""
        return plain(self.name)

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for an SQL statement."""
        return sql.Identifier(self.schema, self.name)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Its columns by their names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def by_word(self) -> dict[str, Column]:
        """Its columns by their names in the spelling of the lists in vocabulary."""
        return {column.word: column for column in reversed(self.columns)}

    def open_through(self, columns: Iterable[str]) -> tuple[str, ...]:
        """What everybody was granted on the table, or on one of these columns."""
        granted = (self.by_name[name].open_to_all for name in columns if name in self.by_name)
        return tuple(sorted({*self.open_to_all, *(one for some in granted for one in some)}))

    @property
    def key_of_partitions(self) -> Column | None:
        """The column of its primary key that would be all of it, were there no partitions."""
        rest = [name for name in self.key if name not in self.partitioned_by]
        return self.by_name[rest[0]] if self.partitioned_by and len(rest) == 1 else None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its primary key."""
        keyed = [column for column in self.columns if column.key_position]
        return tuple(c.name for c in sorted(keyed, key=lambda column: column.key_position))


@dataclass(frozen=True)
class Function:
    """A function or procedure."""

    oid: int
    schema: str
    name: str
    signature: str
    arguments: str
    result: str | None
    argument_names: tuple[str, ...]
    argument_types: tuple[str, ...]
    source: str
    language: str
    volatility: str
    is_definer: bool
    has_search_path: bool
    open_to: tuple[str, ...]
    is_reachable: bool
    triggered_by: tuple[str, ...]
    #: Of all arguments and columns of the result, in their order; none = all are plain arguments.
    argument_modes: tuple[str, ...] = ()
    all_types: tuple[str, ...] = ()

    def __str__(self) -> str:
        """With its arguments' types, as DROP FUNCTION takes it."""
        return self.signature

    @property
    def inputs(self) -> list[tuple[int, str, str]]:
        """The arguments of a call: place, name and type."""
        modes = self.argument_modes or ("i",) * len(self.argument_types)
        places = [place for place, mode in enumerate(modes, start=1) if mode in "ibv"]
        names = (*self.argument_names, *("",) * len(modes))
        return [
            (place, names[place - 1], type_)
            for place, type_ in zip(places, self.argument_types, strict=True)
        ]

    @property
    def outputs(self) -> list[tuple[str, str]]:
        """The columns of its result: name and type; none = it returns one value, or nothing."""
        columns = zip(self.argument_modes, self.argument_names, self.all_types, strict=False)
        return [(name, type_) for mode, name, type_ in columns if mode in "obt"]


@dataclass(frozen=True)
class View:
    """A view, materialized or not."""

    oid: int
    schema: str
    name: str
    definition: str
    open_to_all: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Window:
    """A foreign table, or a view, of rows that are elsewhere.

    Attributes:
        schema: Its schema.
        name: Its name.
        is_foreign: Whether the rows are in another database.
        tables: The tables in other schemas whose rows it shows.
    """

    schema: str
    name: str
    is_foreign: bool
    tables: tuple[str, ...]

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Catalog:
    """All that was found in some schemas, and the functions of all others."""

    schemas: tuple[str, ...]
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    views: tuple[View, ...]
    functions_elsewhere: tuple[Function, ...] = ()
    windows: tuple[Window, ...] = ()

    @cached_property
    def tables_by_name(self) -> dict[str, Table]:
        """The tables by their names, as schema.table."""
        return {str(table): table for table in self.tables}


def read_catalog(
    conn: psycopg.Connection[Any], schemas: Sequence[str], *, ours: bool = False
) -> Catalog:
    """Read what is in some schemas.

    Args:
        conn: Rows as named tuples.
        schemas: Where to look.
        ours: Whether pgcredits' own schemas may be named, too.

    Raises:
        PlanError: A schema does not exist, or is not an application's.
    """
    names: dict[str, Any] = {
        "schemas": list(schemas),
        "ours": [] if ours else list(OURS),
        "never": ["information_schema", *OURS],
    }
    _require_schemas(conn, names)
    return Catalog(
        schemas=tuple(schemas),
        tables=_tables(conn, names),
        functions=_functions(conn, {**names, "elsewhere": False}),
        functions_elsewhere=_functions(conn, {**names, "elsewhere": True}),
        views=tuple(
            View(**{**row._asdict(), "open_to_all": tuple(row.open_to_all)})
            for row in conn.execute(_VIEWS, names)
        ),
        windows=tuple(
            Window(row.schema, row.name, row.is_foreign, tuple(row.tables or ()))
            for row in conn.execute(_WINDOWS, names)
        ),
    )


def _require_schemas(conn: psycopg.Connection[Any], names: dict[str, Any]) -> None:
    found = {row.name: row.is_taken for row in conn.execute(_SCHEMAS, names)}
    for schema in names["schemas"]:
        if "." in schema:
            raise PlanError(
                f"schema {schema} has a dot in its name, which a plan cannot tell apart",
                "Rename it, or move the tables to another schema.",
            )
        if schema not in found:
            raise PlanError(f"there is no schema {schema}", "Name those of the application.")
        if found[schema]:
            raise PlanError(
                f"schema {schema} is not an application's", "Name those of the application."
            )


def _tables(conn: psycopg.Connection[Any], names: dict[str, Any]) -> tuple[Table, ...]:
    columns: dict[int, list[Column]] = {}
    for row in conn.execute(_COLUMNS, names):
        column = {**row._asdict(), "open_to_all": tuple(row.open_to_all)}
        columns.setdefault(column.pop("table_oid"), []).append(Column(**column))
    return tuple(
        Table(
            **{
                **row._asdict(),
                "columns": tuple(columns.get(row.oid, ())),
                "open_to_all": tuple(row.open_to_all),
                "partitioned_by": tuple(row.partitioned_by),
                "policies": tuple(Policy(*policy) for policy in row.policies),
            }
        )
        for row in conn.execute(_TABLES, names)
    )


def _functions(conn: psycopg.Connection[Any], names: dict[str, Any]) -> tuple[Function, ...]:
    return tuple(
        Function(
            **{
                **row._asdict(),
                "argument_names": tuple(row.argument_names),
                "argument_types": tuple(filter(None, row.argument_types.split(","))),
                "open_to": tuple(sorted(set(row.open_to))),
                "triggered_by": tuple(row.triggered_by),
                "argument_modes": tuple(row.argument_modes),
                "all_types": tuple(row.all_types),
            }
        )
        for row in conn.execute(_FUNCTIONS, names)
    )


def first_column(table: Table, names: Iterable[str]) -> Column | None:
    """The column with the first of these names that the table has: user_id is userId, too."""
    return next((table.by_word[name] for name in names if name in table.by_word), None)


def keeps_lots(table: Table, part: Balances) -> bool:
    """Whether a user may have several rows of a table, each with a remainder of its own."""
    is_single = len(part.buckets) == 1 and part.close == "table"
    if not is_single or table.by_name[part.user].is_unique:
        return False
    # Whoever has an account has one, whether that is required or only so; but for one of each type.
    has_types = any(re.search(r"(^|_)(type|kind|bucket|pool)$", one.word) for one in table.columns
                    if one.word != f"{part.user.removesuffix('_id')}_type")  # fmt: skip
    return has_types or not (ACCOUNTS.search(table.word) and part.buckets[0].expires == "never")
