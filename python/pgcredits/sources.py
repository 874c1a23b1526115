"""The SQL files that make up the package: where they are, what they define, in which order.

Migrations are read and ordered by yoyo. One definition (function or view) is one file, named
after its object; the schema follows from the folder.
"""

from __future__ import annotations

import glob
import graphlib
import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yoyo
from yoyo.migrations import Migration as YoyoMigration
from yoyo.migrations import parse_metadata_from_sql_comments

import pgcredits
from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus

FOLDERS = ("migrations", "procedures", "views")

_MIGRATION_ID = re.compile(r"[0-9]{4}-[a-z0-9-]+")
_OBJECT_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_COMMENT_OR_LITERAL = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_ENDS_TRANSACTION = re.compile(r"^\s*(commit|rollback)\b[^;]*;", re.IGNORECASE | re.MULTILINE)


class SourcesError(PgcreditsError):
    """The package's own SQL files are incomplete or contradict each other."""

    exit_status = ExitStatus.DAMAGED_SOURCES


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
    """All SQL to install; definitions in an order in which they can be created."""

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
    folder = glob.escape(str(root / "migrations"))
    listed = yoyo.read_migrations(folder)  # type: ignore[no-untyped-call]
    if listed.post_apply:
        raise SourcesError(f"{listed.post_apply[0].id} would run on every deploy")
    migrations = tuple(_migration(root, migration) for migration in listed)
    for lower, upper in pairwise(migrations):
        if lower.name[:4] == upper.name[:4]:
            raise SourcesError(f"two migrations have one number: {lower.name} and {upper.name}")
    return migrations


def _migration(root: Path, migration: YoyoMigration) -> Migration:
    source = Path(migration.path)
    rollback = source.with_suffix(".rollback.sql")
    if source.suffix != ".sql" or not _MIGRATION_ID.fullmatch(migration.id):
        raise SourcesError(f'a migration is called "{source.name}", not "NNNN-name.sql"')
    if not rollback.is_file():
        raise SourcesError(f"{source.name} has no {rollback.name}")
    path, sql, sha256 = _read(root, source)
    directives, _, _ = parse_metadata_from_sql_comments(sql)
    if "transactional" in directives:
        raise SourcesError(f"{source.name} wants to be outside the deploy's transaction")
    for needed in directives.get("depends", "").split():
        if needed >= migration.id:  # the order is that of the numbers
            raise SourcesError(f"{source.name} depends on {needed}, which is not before it")
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
