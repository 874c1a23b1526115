"""The SQL files that make up the package: where they are, what they define, in which order.

Migrations are read and ordered by yoyo. One definition (function or view) is one file, named
after its object; the schema follows from the folder.
"""

from __future__ import annotations

import glob
import graphlib
import hashlib
import re
import threading
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yoyo
from yoyo.exceptions import BadMigration, MigrationConflict
from yoyo.migrations import Migration as YoyoMigration
from yoyo.migrations import MigrationList, topological_sort

import pgcredits
from pgcredits.errors import PgcreditsError

FOLDERS = ("migrations", "procedures", "views")

_MIGRATION_ID = re.compile(r"[0-9]{4}-[a-z0-9-]+")
_OBJECT_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_COMMENT_OR_LITERAL = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_ENDS_TRANSACTION = re.compile(r"^\s*(commit|rollback)\b[^;]*;", re.IGNORECASE | re.MULTILINE)

# yoyo resolves dependencies through a registry shared by the whole process.
_YOYO_REGISTRY = threading.Lock()


class SourcesError(PgcreditsError):
    """The package's own SQL files are incomplete or contradict each other."""

    exit_status = 8


@dataclass(frozen=True)
class Migration:
    """A numbered step, immutable once it is released."""

    yoyo: YoyoMigration
    path: str
    sql: str
    sha256: str
    rollback_path: str
    rollback_sql: str

    @property
    def name(self) -> str:
        """The id that yoyo gives it: the file's name without its suffix."""
        return str(self.yoyo.id)


@dataclass(frozen=True)
class Definition:
    """The current definition of a function or a view."""

    kind: str
    schema: str
    object_name: str
    path: str
    sql: str
    sha256: str

    @property
    def name(self) -> str:
        """The object's name with its schema."""
        return f"{self.schema}.{self.object_name}"


@dataclass(frozen=True)
class Package:
    """Everything there is to install; definitions in an order in which they can be created."""

    version: str
    migrations: tuple[Migration, ...]
    definitions: tuple[Definition, ...]


def find_root() -> Path:
    """The folder that holds migrations, procedures and views.

    It is ``pgcredits/sql`` in an installed wheel, and the repository in an editable install.
    """
    package = Path(pgcredits.__file__).parent
    for root in (package / "sql", package.parent.parent):
        if all((root / folder).is_dir() for folder in FOLDERS):
            return root
    raise SourcesError(
        "the SQL files of pgcredits are not where they should be", "Install the package again."
    )


def read_package(root: Path | None = None) -> Package:
    """Read and check all SQL files.

    Raises:
        SourcesError: A file is missing, misnamed or given twice, or the files contradict.
    """
    root = root or find_root()
    return Package(pgcredits.__version__, _migrations(root), _definitions(root))


def _read(root: Path, path: Path) -> tuple[str, str, str]:
    """The file's path below root, its text, and the sha256 of its bytes."""
    content = path.read_bytes()
    text = content.decode("utf-8")
    relative = path.relative_to(root).as_posix()
    if _ENDS_TRANSACTION.search(_COMMENT_OR_LITERAL.sub(" ", text)):
        raise SourcesError(f"{relative} ends the deploy's transaction")
    return relative, text, hashlib.sha256(content).hexdigest()


def _migrations(root: Path) -> tuple[Migration, ...]:
    folder = root / "migrations"
    with _YOYO_REGISTRY:
        try:
            listed: MigrationList = yoyo.read_migrations(  # type: ignore[no-untyped-call]
                glob.escape(str(folder))
            )
            for migration in listed:
                migration.load()
            ordered = list(topological_sort(listed))
        except (BadMigration, MigrationConflict) as error:
            raise SourcesError(f"the migrations cannot be read: {error}") from error
    if listed.post_apply or [m.id for m in ordered] != sorted(m.id for m in ordered):
        raise SourcesError("migrations must depend on lower numbers only, without post-apply files")
    for lower, upper in pairwise(ordered):
        if lower.id[:4] == upper.id[:4]:
            raise SourcesError(f"two migrations have one number: {lower.id} and {upper.id}")
    return tuple(_migration(root, migration) for migration in ordered)


def _migration(root: Path, migration: YoyoMigration) -> Migration:
    source = Path(migration.path)
    rollback = source.with_suffix(".rollback.sql")
    if source.suffix != ".sql" or not _MIGRATION_ID.fullmatch(migration.id):
        raise SourcesError(f'a migration is called "{source.name}" instead of "NNNN-name.sql"')
    if not migration.use_transactions:
        raise SourcesError(f"{source.name} wants to run outside the deploy's transaction")
    if not rollback.is_file():
        raise SourcesError(f"{source.name} has no {rollback.name}")
    path, sql, sha256 = _read(root, source)
    rollback_path, rollback_sql, _ = _read(root, rollback)
    return Migration(migration, path, sql, sha256, rollback_path, rollback_sql)


def _definitions(root: Path) -> tuple[Definition, ...]:
    functions = [_definition(root, p) for p in sorted((root / "procedures").rglob("*.sql"))]
    views = [_definition(root, p) for p in sorted((root / "views").rglob("*.sql"))]
    found: dict[str, Definition] = {}
    for definition in [*functions, *views]:
        if other := found.get(definition.name):
            raise SourcesError(
                f"{definition.name} is defined twice: {other.path} and {definition.path}"
            )
        found[definition.name] = definition
    return (*functions, *_by_dependency(views))


def _definition(root: Path, file: Path) -> Definition:
    path, sql, sha256 = _read(root, file)
    if not _OBJECT_NAME.fullmatch(file.stem):
        raise SourcesError(f"{path} is not named after a function or view")
    match path.split("/"):
        case ["views", *_]:
            kind, schema = "view", "credits_monitoring"
        case ["procedures", "internal", *_]:
            kind, schema = "function", "credits_internal"
        case _:
            kind, schema = "function", "credits"
    return Definition(kind, schema, file.stem, path, sql, sha256)


def _by_dependency(views: list[Definition]) -> list[Definition]:
    """Views after the views they read, which their text names with the schema."""
    by_name = {view.name: view for view in views}
    graph = {
        view.name: [name for name in _names_used(view) if name in by_name and name != view.name]
        for view in views
    }
    try:
        return [by_name[name] for name in graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        raise SourcesError(
            f"views read each other in a circle: {' > '.join(error.args[1])}"
        ) from error


def _names_used(view: Definition) -> list[str]:
    return sorted(set(re.findall(r"\b\w+\.\w+\b", _COMMENT_OR_LITERAL.sub(" ", view.sql))))
