"""Write the files for Prometheus and Grafana, which this package brings, into a folder."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus
from pgcredits.roles import Roles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path


class MonitoringError(PgcreditsError):
    """The monitoring files could not be written, or would have replaced changed ones."""

    exit_status = ExitStatus.MONITORING


@dataclass(frozen=True)
class Exported:
    """One file, and whether it was written."""

    path: str
    outcome: Literal["written", "replaced", "unchanged"]


def shipped_files() -> dict[str, bytes]:
    """The content of each file by its path, with slashes, below the folder of the export."""
    return dict(sorted(_walk(resources.files("pgcredits.monitoring") / "files", "")))


def export(folder: Path, *, force: bool = False, role_prefix: str = "") -> list[Exported]:
    """Write all files into a folder, which is made where it is missing.

    A file is there as a whole or not at all, and nothing is replaced before everything could be
    written.

    Args:
        folder: Where to write them.
        force: Replace files that differ from ours.
        role_prefix: What the names of the installation's roles begin with.

    Raises:
        MonitoringError: There are files that differ, or the system refuses to write.
        RefusedError: This can be no prefix.
    """
    roles = Roles(role_prefix)
    files = {
        path: roles.in_text(content.decode()).encode() for path, content in shipped_files().items()
    }
    try:
        found = {path: _read(folder / path) for path in files}
        changed = [path for path, old in found.items() if old not in (None, files[path])]
        if changed and not force:
            raise MonitoringError(
                f"in {folder} these differ from what would be written: {', '.join(changed)}",
                "Choose another folder and compare, or replace them with --force.",
            )
        new = {path: content for path, content in files.items() if found[path] != content}
        _write(folder, new)
    except OSError as error:
        raise MonitoringError(
            ": ".join(str(part) for part in (error.strerror or error, error.filename) if part),
            "Choose a folder that you may write to.",
        ) from error
    return [
        Exported(
            path,
            "unchanged" if path not in new else "written" if found[path] is None else "replaced",
        )
        for path in files
    ]


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file beside its place first; move them there when all are written."""
    staged: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            staged[target] = beside
            # The file has the usual rights: the programs that read it have accounts of their own.
            with beside.open("xb") as file:
                file.write(content)
        for target, beside in staged.items():
            beside.replace(target)
    finally:
        for beside in staged.values():
            with suppress(FileNotFoundError):
                beside.unlink()
