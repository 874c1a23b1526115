"""``migrate``: bring a database to this package's state, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.connections import connect
from pgcredits.deploy import grants
from pgcredits.deploy.definitions import Installer
from pgcredits.deploy.findings import Kind, compare
from pgcredits.deploy.history import History
from pgcredits.deploy.manifest import (
    BOOTSTRAP,
    forget,
    is_installed,
    read_installed,
    read_live,
    record_deployment,
    record_migration,
    record_objects,
)
from pgcredits.deploy.outcome import DeployReport
from pgcredits.deploy.preconditions import (
    become,
    require_encoding,
    require_free_schemas,
    require_known,
    require_one_history,
)
from pgcredits.deploy.renaming import replace_roles
from pgcredits.deploy.roles import (
    find_idle_members,
    find_intruders,
    find_left_grants,
    find_left_members,
    find_powerless_owner,
    provide_roles,
    require_own_roles,
)
from pgcredits.deploy.session import (
    DEFAULT_WAIT_SECONDS,
    Connection,
    DeployFailedError,
    execute,
    hold_writers,
    in_transaction,
    pin_settings,
)
from pgcredits.roles import Roles, read_prefix
from pgcredits.sources import read_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from psycopg.errors import Diagnostic

    from pgcredits.deploy.findings import Finding
    from pgcredits.deploy.manifest import Installed, Key, Live
    from pgcredits.deploy.session import OnStep
    from pgcredits.sources import Definition, Migration, Package


def migrate(
    conninfo: str,
    *,
    create_roles: bool = True,
    role_prefix: str | None = None,
    share_roles: bool = False,
    wait: float = DEFAULT_WAIT_SECONDS,
    root: Path | None = None,
    on_step: OnStep | None = None,
) -> DeployReport:
    """Apply pending migrations, and make functions and views what their files say.

    Everything happens in one transaction: a deploy that ends early for any reason leaves the old
    state; of two at once one waits for the other; one with nothing to do changes nothing.

    Args:
        conninfo: The database; its user will own (or does own) the installation.
        create_roles: Whether missing group roles may be created.
        role_prefix: What the names of the group roles begin with, from now on; None = as they are,
            or no prefix in a first deploy.
        share_roles: Whether a first deploy may use roles that another database uses, too.
        wait: For how many seconds to go on trying while others hold locks.
        root: The folder that holds the SQL folders, if not the package's own.
        on_step: Called with a description before each step.

    Raises:
        NewerDatabaseError: A newer package has deployed this database.
        RefusedError: It would do harm, or a right is missing. Nothing was changed.
        SourcesError: The SQL files are incomplete or contradict each other.
        DeployFailedError: The server refused a statement. Nothing was changed.
        ConnectionFailedError: The database cannot be reached.
    """
    package = read_package(root)
    with connect(conninfo) as conn:
        deploy = _Deploy(conn, package, on_step or (lambda _: None))
        conn.add_notice_handler(deploy.hear)
        report = in_transaction(
            conn,
            wait,
            lambda: deploy.run(
                create_roles=create_roles, role_prefix=role_prefix, share_roles=share_roles
            ),
        )
        deploy.on_step("committed")
    return report


class _Deploy:
    """One deploy: a connection, a package, and a function that is told each step."""

    def __init__(self, conn: Connection, package: Package, on_step: OnStep) -> None:
        self._conn = conn
        self._plain = self._package = package
        self._roles = Roles()
        self._major = conn.info.server_version // 10_000
        self._attempts = 0
        self._warnings: list[str] = []
        self.on_step = on_step

    def hear(self, notice: Diagnostic) -> None:
        """Keep what the server warns of: a migration says so what it had to change of the data."""
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    def run(
        self, *, create_roles: bool, role_prefix: str | None, share_roles: bool
    ) -> DeployReport:
        """Do the whole deploy, within a transaction."""
        self._attempts += 1
        self._warnings.clear()
        if self._attempts > 1:
            self.on_step("hold writers")
            hold_writers(self._conn)
        self.on_step("look")
        require_encoding(self._conn)
        remembered = read_prefix(self._conn)
        old = Roles(remembered or "")
        self._roles = old if role_prefix is None else Roles(role_prefix)
        self._package = self._roles.in_package(self._plain)
        before = read_live(self._conn)
        done: tuple[str, ...] = ()
        earlier: tuple[Finding, ...] = ()
        if is_installed(self._conn):
            installed = read_installed(self._conn)
            require_known(self._package, installed)
            require_one_history(self._package, installed)
            self._provide_roles(create=create_roles)
            become(self._conn, installed.owner)
            if old != self._roles and not share_roles:
                require_own_roles(self._conn, self._roles)
            if remembered != self._roles.prefix:
                self.on_step("roles' names")
                replace_roles(self._conn, installed, old, self._roles)
                installed, before = read_installed(self._conn), read_live(self._conn)
            done = installed.history
            earlier = compare(self._package, installed, before, self._major)
        else:
            require_free_schemas(self._conn)
            old = self._roles
            if not share_roles:
                require_own_roles(self._conn, self._roles)
            self._provide_roles(create=create_roles)
            if not share_roles:  # another deploy may have made the roles at this moment
                require_own_roles(self._conn, self._roles)
            self.on_step("records")
            execute(self._conn, self._roles.in_text(BOOTSTRAP))

        pending = [m for m in self._package.migrations if m.name not in done]
        for migration in pending:
            self._apply_migration(migration)
        live = before
        touched: list[Key] = []
        if pending or not done:
            live, touched = self._record_migrated(before)
        # These changes by hand are recorded as they are now, so that no later check names them.
        overtaken = [
            f for f in earlier if f.kind is Kind.DRIFT and (f.object_kind, f.name) in touched
        ]

        applied, installer, live = self._apply_definitions(before, live)
        installed = read_installed(self._conn)
        self.on_step("commit")
        return DeployReport(
            version=self._package.version,
            migrations=tuple(m.name for m in pending),
            applied=(*self._named(old), *applied),
            dropped=tuple(sorted(installer.dropped)),
            kept_grants=grants.list_kept(live.values()),
            lost_grants=tuple(installer.lost_grants),
            warnings=(*self._warnings, *self._warn_of_roles(old, is_first=not done)),
            remaining=(*overtaken, *compare(self._package, installed, live, self._major)),
        )

    def _named(self, old: Roles) -> tuple[str, ...]:
        return () if old == self._roles else (f"roles {', '.join(self._roles.names)}",)

    def _provide_roles(self, *, create: bool) -> None:
        self.on_step("roles")
        provide_roles(self._conn, self._roles, create=create)
        # The roles are there: the migration that makes them when psql runs it must not do so here.
        self._conn.execute("select set_config('pgcredits.create_roles', 'off', true)")

    def _warn_of_roles(self, old: Roles, *, is_first: bool) -> Iterator[str]:
        """Yield who may do more, or less, than the owner thinks."""
        if is_first:
            yield from find_powerless_owner(self._conn, self._roles)
        yield from find_intruders(self._conn, self._roles)
        for member, detail in find_idle_members(self._conn, self._roles):
            yield f"role {member}: {detail}"
        if old != self._roles:
            yield from find_left_grants(self._conn, old)
            yield from find_left_members(self._conn, old, self._roles)

    def _apply_migration(self, migration: Migration) -> None:
        self.on_step(f"migration {migration.name}")
        execute(self._conn, migration.sql, migration.path)
        pin_settings(self._conn)
        self.on_step(f"history {migration.name}")
        History(self._conn).record(migration.yoyo, "apply")
        execute(self._conn, record_migration(migration))

    def _record_migrated(self, before: dict[Key, Live]) -> tuple[dict[Key, Live], list[Key]]:
        """Record what the migrations made, changed and dropped; the rest stays as recorded.

        Returns:
            What is there now, and what of it the migrations made or changed.
        """
        self.on_step("record migrations")
        after = read_live(self._conn)
        strange = [
            grants.revoke(live.kind, live.identity, entry)
            for live in after.values()
            if live.key not in before
            for entry in grants.of_strangers(live, self._roles)
        ]
        for statement in strange:
            execute(self._conn, statement)
        if strange:
            after = read_live(self._conn)
        touched = [
            key
            for key, live in after.items()
            if key not in before or before[key].fingerprint != live.fingerprint
        ]
        self._record(touched)
        forget(self._conn, before.keys() - after.keys())
        return after, touched

    def _apply_definitions(
        self, before: dict[Key, Live], live: dict[Key, Live]
    ) -> tuple[list[str], Installer, dict[Key, Live]]:
        package = self._package
        installed = read_installed(self._conn)
        findings = compare(package, installed, live, self._major)
        everything = any(f.kind is Kind.SERVER_CHANGED for f in findings)
        stale = {f.name for f in findings if f.kind in (Kind.PENDING, Kind.MISSING, Kind.DRIFT)}
        todo = [d for d in package.definitions if everything or d.name in stale]
        names = {d.name for d in package.definitions}
        gone = [o for o in installed.objects.values() if o.file and o.name not in names]

        repaired = self._repair_grants(installed, live)
        dropped = [gone for key, gone in before.items() if key not in live]
        installer = Installer(self._conn, live, installed.objects, self.on_step, dropped)
        installer.apply(todo)
        for recorded in gone:
            installer.drop(recorded.key)
        # Make again what was dropped with an object that it depends on.
        while again := [d for d in package.definitions if d.name in installer.dropped]:
            installer.apply(again)
            todo += again

        self.on_step("record definitions")
        live = read_live(self._conn)
        self._record_definitions(
            live, todo, [o.key for o in gone], installed, everything=everything
        )
        if todo or gone or package.version not in installed.versions:
            execute(self._conn, record_deployment())
        return [*(d.name for d in todo), *repaired], installer, live

    def _repair_grants(self, installed: Installed, live: dict[Key, Live]) -> list[str]:
        """Restore recorded grants on what migrations made; other objects get theirs from files."""
        repaired = []
        for key, recorded in installed.objects.items():
            if recorded.file or key not in live or recorded.server_major != self._major:
                continue
            was, now = set(recorded.state["grants"]), set(live[key].grants)
            if was != now:
                repaired.append(f"grants on {recorded.identity}")
                self.on_step(repaired[-1])
            for entry in sorted(now - was):
                execute(self._conn, grants.revoke(*key, entry))
            for entry in sorted(was - now):
                execute(self._conn, grants.grant(*key, entry))
        return repaired

    def _record_definitions(
        self,
        live: dict[Key, Live],
        applied: list[Definition],
        gone: list[Key],
        installed: Installed,
        *,
        everything: bool,
    ) -> None:
        keys = {(live_object.kind, live_object.name): key for key, live_object in live.items()}
        made = []
        for definition in applied:
            key = keys.get((definition.kind, definition.name))
            if key is None:
                raise DeployFailedError(f"{definition.path} does not make {definition.name}")
            made.append(key)
        names = {definition.name for definition in applied}
        replaced = [k for k, o in installed.objects.items() if o.name in names and k not in live]
        forget(self._conn, [*gone, *replaced])
        if made:
            self._record(made, applied)
        if everything:
            self._record(installed.objects.keys() & live.keys())

    def _record(self, keys: Iterable[Key], made_from: Iterable[Definition] = ()) -> None:
        execute(self._conn, self._roles.in_text(record_objects(keys, made_from)))
