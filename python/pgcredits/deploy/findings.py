"""What differs between the package, the manifest and the database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pgcredits.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgcredits.deploy.manifest import Installed, Key, Live, Recorded
    from pgcredits.sources import Package


class Kind(StrEnum):
    """What can be wrong with an installation, and the exit status that says so.

    The gravest first: it decides where there are several.
    """

    #: pgcredits is not in this database.
    NOT_INSTALLED = "not_installed"
    #: A newer pgcredits has deployed here.
    NEWER = "newer"
    #: With ``--smoke``: a grant, a deduct or a refund did not do what it should.
    SMOKE = "smoke"
    #: An applied migration's file is not what was applied.
    EDITED_MIGRATION = "edited_migration"
    #: An object of ours, or a role, is gone.
    MISSING = "missing"
    #: An object was changed by hand: definition, owner, grants, options, comment, triggers.
    DRIFT = "drift"
    #: An object in our schemas that pgcredits did not make.
    UNMANAGED = "unmanaged"
    #: ``pgcredits migrate`` has something to apply.
    PENDING = "pending"
    #: The server has another major version since; ``pgcredits migrate`` records anew.
    SERVER_CHANGED = "server_changed"

    @property
    def exit_status(self) -> ExitStatus:
        """What ``pgcredits check`` ends with: the status of the same name."""
        return ExitStatus[self.name]


@dataclass(frozen=True)
class Finding:
    """One difference: which object, what kind of difference, and a sentence about it."""

    kind: Kind
    object_kind: str
    name: str
    detail: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.kind}: {self.object_kind} {self.name}: {self.detail}"


def compare(
    package: Package, installed: Installed, live: dict[Key, Live], server_major: int
) -> tuple[Finding, ...]:
    """All differences, the gravest first. Where the database is newer, that is the only one."""
    if newer := tuple(find_newer(package, installed)):
        return newer
    found = [
        *find_in_migrations(package, installed),
        *_files(package, installed),
        *_objects(installed.objects.values(), live, server_major),
        *_unmanaged(installed, live),
    ]
    return tuple(sorted(found, key=lambda f: (f.kind.exit_status, f.object_kind, f.name)))


def find_newer(package: Package, installed: Installed) -> Iterator[Finding]:
    """A newer package's deployment, or applied migrations that this package does not have."""
    newest = max(installed.versions, key=_version_key, default=package.version)
    if _version_key(newest) > _version_key(package.version):
        yield Finding(Kind.NEWER, "package", newest, f"deployed here; this is {package.version}")
    known = {migration.name for migration in package.migrations}
    for name in installed.history:
        if name not in known:
            yield Finding(Kind.NEWER, "migration", name, "applied here, unknown to this package")


def find_in_migrations(package: Package, installed: Installed) -> Iterator[Finding]:
    """Migrations that are pending or edited, or on which yoyo's history and ours disagree."""
    applied = set(installed.history)
    for migration in package.migrations:
        recorded = installed.migrations.get(migration.name)
        if (migration.name in applied) != (recorded is not None):
            detail = "yoyo's history and the manifest disagree on whether it is applied"
            yield Finding(Kind.DRIFT, "migration", migration.name, detail)
        elif recorded is None:
            yield Finding(Kind.PENDING, "migration", migration.name, "not applied yet")
        elif recorded != migration.sha256:
            detail = "the file is not the one that was applied"
            yield Finding(Kind.EDITED_MIGRATION, "migration", migration.name, detail)


def _files(package: Package, installed: Installed) -> Iterator[Finding]:
    recorded = {(o.kind, o.name): o for o in installed.objects.values() if o.file}
    for definition in package.definitions:
        before = recorded.pop((definition.kind, definition.name), None)
        if before is None:
            detail = f"{definition.path} is new"
        elif before.source_sha256 != definition.sha256:
            detail = f"{definition.path} has changed"
        elif before.file != definition.path:
            detail = f"{before.file} has moved to {definition.path}"
        else:
            continue
        yield Finding(Kind.PENDING, definition.kind, definition.name, detail)
    for gone in recorded.values():
        yield Finding(Kind.PENDING, gone.kind, gone.name, f"{gone.file} is gone")


def _objects(
    recorded: Iterable[Recorded], live: dict[Key, Live], server_major: int
) -> Iterator[Finding]:
    other_majors: set[int] = set()
    for before in recorded:
        now = live.get((before.kind, before.identity))
        if now is None:
            yield Finding(Kind.MISSING, before.kind, before.name, "it is not in the database")
        elif before.server_major != server_major:
            other_majors.add(before.server_major)
        elif now.fingerprint != before.fingerprint:
            yield Finding(Kind.DRIFT, before.kind, before.name, "; ".join(_differing(before, now)))
    for major in sorted(other_majors):
        detail = f"recorded by PostgreSQL {major}, definitions cannot be compared"
        yield Finding(Kind.SERVER_CHANGED, "server", f"PostgreSQL {server_major}", detail)


def _differing(before: Recorded, now: Live) -> Iterator[str]:
    """Which parts of the state differ; grants and owner in full."""
    for part in sorted(now.state):
        old, new = before.state.get(part), now.state[part]
        if old == new:
            continue
        match part:
            case "grants":
                yield from (f"granted: {grant}" for grant in new if grant not in (old or []))
                yield from (f"revoked: {grant}" for grant in old or [] if grant not in new)
            case "owner":
                yield f"the owner is {new}"
            case _:
                yield f"another {part}"


def _unmanaged(installed: Installed, live: dict[Key, Live]) -> Iterator[Finding]:
    for key, now in live.items():
        if key not in installed.objects:
            yield Finding(Kind.UNMANAGED, now.kind, now.identity, "pgcredits did not make it")


def _version_key(version: str) -> tuple[int, ...]:
    """A version's numbers, for comparing."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
