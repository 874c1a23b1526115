"""What is in the older system's schemas, from PostgreSQL's own catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

#: Never an older system's.
OURS = ("credits", "credits_internal", "credits_monitoring", "credits_deploy")

_SCHEMAS = """
select
    n.nspname as name,
    n.nspname = any(%(ours)s)
    or n.nspname in ('information_schema')
    or n.nspname like 'pg\\_%%' as is_taken
from pg_catalog.pg_namespace as n
where n.nspname = any(%(schemas)s)
"""
_TABLES = """
select
    c.oid,
    n.nspname as schema,
    c.relname as name,
    greatest(c.reltuples, 0)::bigint as estimated_rows,
    coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0) as writes,
    c.relrowsecurity as has_row_security,
    array(
        select a.privilege_type
        from pg_catalog.aclexplode(
            coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))
        ) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
        union
        select a.privilege_type
        from pg_catalog.pg_attribute as t
        cross join lateral pg_catalog.aclexplode(t.attacl) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            t.attrelid = c.oid
            and a.privilege_type in ('INSERT', 'UPDATE')
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
    ) as open_to_all,
    -- Policies that let everybody write every row.
    array(
        select p.polname
        from pg_catalog.pg_policy as p
        where
            p.polrelid = c.oid
            and p.polpermissive
            and p.polcmd in ('a', 'w', 'd', '*')
            and exists (
                select
                from unnest(p.polroles) as m (role)
                left join pg_catalog.pg_roles as r on m.role = r.oid
                where m.role = 0 or r.rolname in ('anon', 'authenticated')
            )
            and coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'true') = 'true'
            and coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
    )::text[] as open_policies
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
left join pg_catalog.pg_stat_all_tables as s on c.oid = s.relid
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p')
    -- Its rows are read with those of its parent.
    and not exists (
        select
        from pg_catalog.pg_inherits as i
        where i.inhrelid = c.oid
    )
order by n.nspname, c.relname
"""
_COLUMNS = """
select
    a.attrelid as table_oid,
    a.attname as name,
    pg_catalog.format_type(t.oid, null) as type,
    not a.attnotnull as is_nullable,
    exists (
        select
        from pg_catalog.pg_index as i
        where
            i.indrelid = a.attrelid
            and i.indisunique
            and i.indpred is null
            and i.indnkeyatts = 1
            and i.indkey[0] = a.attnum
    ) as is_unique,
    coalesce(
        (
            select pg_catalog.array_position(i.indkey::smallint[], a.attnum) + 1
            from pg_catalog.pg_index as i
            where
                i.indrelid = a.attrelid
                and i.indisprimary
        ),
        0
    ) as key_position
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_type as d on a.atttypid = d.oid
inner join pg_catalog.pg_type as t on t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and a.attnum > 0
    and not a.attisdropped
order by a.attrelid, a.attnum
"""
_FUNCTIONS = """
select
    p.oid,
    n.nspname as schema,
    p.proname as name,
    pg_catalog.format(
        '%%I.%%I(%%s)',
        n.nspname,
        p.proname,
        pg_catalog.array_to_string(
            array(
                select pg_catalog.format_type(i.type, null)
                from unnest(p.proargtypes::oid[]) with ordinality as i (type, n)
                order by i.n
            ),
            ', '
        )
    ) as signature,
    pg_catalog.pg_get_function_arguments(p.oid) as arguments,
    pg_catalog.pg_get_function_result(p.oid) as result,
    coalesce(p.proargnames, '{}') as argument_names,
    pg_catalog.array_to_string(
        array(
            select pg_catalog.format_type(i.type, null)
            from unnest(p.proargtypes::oid[]) with ordinality as i (type, n)
            order by i.n
        ),
        ','
    ) as argument_types,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as source,
    l.lanname as language,
    p.provolatile as volatility,
    p.prosecdef as is_definer,
    exists (
        select
        from unnest(p.proconfig) as g (setting)
        where g.setting like 'search_path=%%'
    ) as has_search_path,
    array(
        select coalesce(r.rolname, 'public')
        from pg_catalog.aclexplode(
            coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
        ) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type = 'EXECUTE'
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            -- Whoever cannot enter the schema cannot call it.
            and exists (
                select
                from pg_catalog.pg_roles as e
                where
                    e.rolname in ('anon', 'authenticated')
                    and a.grantee in (0, e.oid)
                    and pg_catalog.has_schema_privilege(e.oid, n.oid, 'usage')
                union all
                select
                where
                    a.grantee = 0
                    and pg_catalog.has_schema_privilege('public', n.oid, 'usage')
            )
    )::text[] as open_to,
    exists (
        select
        from pg_catalog.aclexplode(
            coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
        ) as a
        where a.grantee <> p.proowner
    ) as is_reachable,
    array(
        select distinct pg_catalog.concat_ws('.', m.nspname, c.relname)
        from pg_catalog.pg_trigger as g
        inner join pg_catalog.pg_class as c on g.tgrelid = c.oid
        inner join pg_catalog.pg_namespace as m on c.relnamespace = m.oid
        where
            g.tgfoid = p.oid
            and not g.tgisinternal
    ) as triggered_by
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
inner join pg_catalog.pg_language as l on p.prolang = l.oid
where
    n.nspname = any(%(schemas)s)
    and p.prokind in ('f', 'p')
    -- An extension's are not the application's.
    and not exists (
        select
        from pg_catalog.pg_depend as d
        where
            d.classid = 'pg_catalog.pg_proc'::regclass
            and d.objid = p.oid
            and d.deptype = 'e'
    )
order by n.nspname, p.proname, p.oid
"""
_VIEWS = """
select
    c.oid,
    n.nspname as schema,
    c.relname as name,
    pg_catalog.pg_get_viewdef(c.oid) as definition,
    -- Through a view its owner writes, unless it says otherwise.
    array(
        select distinct a.privilege_type
        from pg_catalog.aclexplode(
            coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))
        ) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type in ('INSERT', 'UPDATE', 'DELETE')
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            and pg_catalog.pg_relation_is_updatable(c.oid, false) <> 0
            and not exists (
                select
                from unnest(c.reloptions) as o (said)
                where o.said in ('security_invoker=true', 'security_invoker=on')
            )
        order by 1
    ) as open_to_all
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('v', 'm')
order by n.nspname, c.relname
"""

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

    @cached_property
    def word(self) -> str:
        """Its name as lists of words have it."""
        return plain(self.name)

    @property
    def is_number(self) -> bool:
        """Whether it can hold an amount."""
        return self.type in NUMBERS

    @property
    def is_time(self) -> bool:
        """Whether it says when."""
        return self.type in TIMES

    @property
    def is_word(self) -> bool:
        """Whether it holds words: a text, or one of a list."""
        return not (self.is_number or self.is_time or self.type in ("uuid", "boolean", "jsonb"))


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
    open_to_all: tuple[str, ...] = ()
    open_policies: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def word(self) -> str:
        """Its name without schema, as lists of words have it."""
        return plain(self.name)

    @property
    def identifier(self) -> sql.Identifier:
        """As SQL needs it."""
        return sql.Identifier(self.schema, self.name)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Its columns."""
        return {column.name: column for column in self.columns}

    @cached_property
    def by_word(self) -> dict[str, Column]:
        """Its columns, by their names as lists of words have them."""
        return {column.word: column for column in reversed(self.columns)}

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

    def __str__(self) -> str:
        """With its arguments' types, as DROP FUNCTION takes it."""
        return self.signature


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
class Catalog:
    """All that was found in some schemas."""

    schemas: tuple[str, ...]
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    views: tuple[View, ...]

    @cached_property
    def tables_by_name(self) -> dict[str, Table]:
        """By schema.table."""
        return {str(table): table for table in self.tables}


def read_catalog(
    conn: psycopg.Connection[Any], schemas: Sequence[str], *, ours: bool = False
) -> Catalog:
    """Read it.

    Args:
        conn: Rows as named tuples.
        schemas: Where to look.
        ours: Let pgcredits' own schemas be named, too.

    Raises:
        PlanError: There is no such schema, or it is not an application's.
    """
    names: dict[str, Any] = {"schemas": list(schemas), "ours": [] if ours else list(OURS)}
    found = {row.name: row.is_taken for row in conn.execute(_SCHEMAS, names)}
    for schema in schemas:
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
    columns: dict[int, list[Column]] = {}
    for row in conn.execute(_COLUMNS, names):
        of_table, *rest = row
        columns.setdefault(of_table, []).append(Column(*rest))
    return Catalog(
        schemas=tuple(schemas),
        tables=tuple(
            Table(
                oid=row.oid,
                schema=row.schema,
                name=row.name,
                columns=tuple(columns.get(row.oid, ())),
                estimated_rows=row.estimated_rows,
                writes=row.writes,
                has_row_security=row.has_row_security,
                open_to_all=tuple(sorted(set(row.open_to_all))),
                open_policies=tuple(sorted(row.open_policies)),
            )
            for row in conn.execute(_TABLES, names)
        ),
        functions=tuple(
            Function(
                **{
                    **row._asdict(),
                    "argument_names": tuple(row.argument_names),
                    "argument_types": tuple(filter(None, row.argument_types.split(","))),
                    "open_to": tuple(sorted(set(row.open_to))),
                    "triggered_by": tuple(row.triggered_by),
                }
            )
            for row in conn.execute(_FUNCTIONS, names)
        ),
        views=tuple(
            View(**{**row._asdict(), "open_to_all": tuple(row.open_to_all)})
            for row in conn.execute(_VIEWS, names)
        ),
    )


def first_column(table: Table, names: Iterable[str]) -> Column | None:
    """The first of these that it has, however it is spelt."""
    return next((table.by_word[name] for name in names if name in table.by_word), None)
