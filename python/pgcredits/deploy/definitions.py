"""Functions and views made from their files, over whatever is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import errors

from pgcredits.deploy import grants
from pgcredits.deploy.manifest import read_live
from pgcredits.deploy.session import SCHEMAS, Connection, DeployFailedError, execute, scalar
from pgcredits.errors import RefusedError
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgcredits.deploy.manifest import Key, Live
    from pgcredits.deploy.session import OnStep
    from pgcredits.sources import Definition

DEPENDANTS = read_sql(__package__, "dependants.sql")

_TRIGGERS = """
select
    t.oid,
    t.xmin::text as version,
    format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass) as drop_statement
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    t.tgfoid = any(%s::regprocedure[])
    and not t.tgisinternal
    and n.nspname = any(%s)
"""

_COLUMN_COMMENTS = """
select format('comment on column %%s.%%I is null', a.attrelid::regclass, a.attname) as statement
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_description as d
    on a.attrelid = d.objoid and a.attnum = d.objsubid
where
    a.attrelid = to_regclass(%s)
    and a.attnum > 0
    and d.classoid = 'pg_catalog.pg_class'::regclass
"""

_OVERLOADED = """
select count(*) > 1
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
where n.nspname = %s and p.proname = %s
"""

#: PostgreSQL's errors where "create or replace" cannot replace what is there.
_NOT_REPLACEABLE = (
    errors.InvalidTableDefinition,  # a view's columns changed
    errors.InvalidFunctionDefinition,  # a function's result or its arguments' names changed
    errors.AmbiguousFunction,  # its argument types changed, so that there are two now
)


class Installer:
    """Applies and drops definitions within the deploy's transaction.

    Attributes:
        dropped: Names of our objects that were dropped with an object they use, to be made again.
        lost_grants: Grants on views that could not be kept, since their column is gone.
    """

    def __init__(
        self,
        conn: Connection,
        live: dict[Key, Live],
        managed: Iterable[Key],
        on_step: OnStep,
        dropped_before: Iterable[Live] = (),
    ) -> None:
        """Start from an inventory.

        Args:
            conn: The deploy's connection.
            live: The objects that are in the database.
            managed: The objects that are ours to replace and to drop.
            on_step: Called with a description before each step.
            dropped_before: Objects that a migration has dropped; made again, they get back the
                grants that are kept.
        """
        self._conn = conn
        self._live = dict(live)
        self._managed = set(managed)
        self._on_step = on_step
        self._kept_grants = {gone.name: gone.kept_grants for gone in dropped_before}
        self.dropped: set[str] = set()
        self.lost_grants: list[str] = []

    def apply(self, definitions: Iterable[Definition]) -> None:
        """Make each object what its file says, with the grants of its file and no other."""
        created = [definition for definition in definitions if self._apply(definition)]
        if created and grants.has_defaults(self._conn):
            self._apply_without_defaults(created)
        for definition in created:
            for entry in self._kept_grants.pop(definition.name, ()):
                self._grant_again(definition, entry)

    def drop(self, key: Key) -> None:
        """Drop an object, if it is there, and our own objects that depend on it.

        Raises:
            RefusedError: An object that is not ours depends on it.
        """
        if key not in self._live:  # dropped before, with an object that it depends on
            return
        kind, identity = key
        self._on_step(f"drop {kind} {identity}")
        if kind == "function":
            for _, statement in self._triggers([self._live[key]]).values():
                execute(self._conn, statement)
        rows = self._conn.execute(DEPENDANTS, {"kind": kind, "identity": identity})
        for dependant in [(row.kind, row.identity) for row in rows.fetchall()]:
            if dependant not in self._managed or dependant[0] not in ("function", "view"):
                raise RefusedError(
                    f"{' '.join(dependant)} is not pgcredits', and needs {kind} {identity}, "
                    "which must be dropped",
                    "Drop it, deploy, and make it again.",
                )
            self.drop(dependant)
        live = self._live.pop(key)
        self.dropped.add(live.name)
        self._kept_grants[live.name] = live.kept_grants
        execute(self._conn, f"drop {'view' if kind == 'view' else 'routine'} {identity}")

    def _apply(self, definition: Definition) -> bool:
        """Run one file; true if its object was made anew: there was none, or it was dropped."""
        self._on_step(f"{definition.kind} {definition.name}")
        existing = self._existing(definition)
        replaced = bool(existing) and self._replace(definition, existing)
        if not replaced:
            for live in existing:
                self.drop(live.key)
            execute(self._conn, definition.sql, definition.path)
        self.dropped.discard(definition.name)
        return not replaced

    def _existing(self, definition: Definition) -> list[Live]:
        existing = _named(definition, self._live)
        for live in existing:
            if live.key not in self._managed:
                raise RefusedError(
                    f"{live.kind} {live.identity} stands in the way of {definition.path}",
                    "pgcredits did not make it: rename or drop it, then deploy.",
                )
        return existing

    def _replace(self, definition: Definition, existing: list[Live]) -> bool:
        """Run a file over what is there; false, with nothing replaced, if that must be dropped."""
        triggers = self._triggers(existing)
        for live in existing:
            self._reset(live, live.grants)
        try:
            with self._conn.transaction():
                execute(self._conn, definition.sql, definition.path)
                if definition.kind == "function" and self._is_overloaded(definition):
                    raise errors.AmbiguousFunction
        except errors.AmbiguousFunction:
            return False
        except DeployFailedError as error:
            if isinstance(error.__cause__, _NOT_REPLACEABLE):
                return False
            raise
        # Drop the function's triggers that its file no longer makes.
        now = self._triggers(existing)
        for oid, trigger in triggers.items():
            if now.get(oid) == trigger:
                execute(self._conn, trigger[1])
        return True

    def _is_overloaded(self, definition: Definition) -> bool:
        name = [definition.schema, definition.object_name]
        return bool(scalar(self._conn, _OVERLOADED, name))

    def _apply_without_defaults(self, created: list[Definition]) -> None:
        """Run files of new objects once more, to take back grants by default privileges."""
        live = read_live(self._conn)
        for definition in created:
            for made in _named(definition, live):
                self._reset(made, (*made.grants, *made.kept_grants))
            execute(self._conn, definition.sql, definition.path)

    def _reset(self, live: Live, entries: Iterable[str]) -> None:
        """Reset what "create or replace" would leave as it is: grants, owner, comments."""
        kind = "view" if live.kind == "view" else "routine"
        for entry in entries:
            execute(self._conn, grants.revoke(live.kind, live.identity, entry))
        if live.state["owner"] != "<owner>":
            execute(self._conn, f"alter {kind} {live.identity} owner to current_user")
        execute(self._conn, f"comment on {kind} {live.identity} is null")
        if live.kind == "view":
            for row in self._conn.execute(_COLUMN_COMMENTS, [live.identity]).fetchall():
                execute(self._conn, row.statement)

    def _triggers(self, functions: Iterable[Live]) -> dict[int, tuple[str, str]]:
        """The triggers on our tables that call a function: oid, to row version and drop."""
        identities = [live.identity for live in functions if live.kind == "function"]
        if not identities:
            return {}
        rows = self._conn.execute(_TRIGGERS, [identities, list(SCHEMAS)])
        return {row.oid: (row.version, row.drop_statement) for row in rows}

    def _grant_again(self, definition: Definition, entry: str) -> None:
        try:
            with self._conn.transaction():
                execute(self._conn, grants.grant(definition.kind, definition.name, entry))
        except errors.UndefinedColumn:
            self.lost_grants.append(grants.describe(definition.name, entry))


def _named(definition: Definition, live: dict[Key, Live]) -> list[Live]:
    return [o for o in live.values() if (o.kind, o.name) == (definition.kind, definition.name)]
