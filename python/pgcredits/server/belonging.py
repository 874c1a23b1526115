"""Which project a server that stays belongs to, and how programs reach it over TCP.

A file in the data directory says both. The server's account owns it, and nobody else may read it:
it holds a password.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pgcredits.errors import RefusedError, ServerError

if TYPE_CHECKING:
    from pgcredits.server.account import Account

ADDRESS = "127.0.0.1"
_FILE = "pgcredits.json"
_HBA_FILE = "pgcredits_hba.conf"
#: The socket is in a private folder. Over TCP nobody is let in without the password.
_HBA = f"""\
local all,replication all trust
host all all {ADDRESS}/32 scram-sha-256
"""
#: Below the ports that systems give to outgoing connections.
_PORTS = range(20_000, 30_000)


@dataclass(frozen=True)
class Belonging:
    """Whose a server is, its port on 127.0.0.1, and its superuser's password."""

    project: str
    port: int
    password: str

    def save(self, data_dir: Path, account: Account) -> None:
        """Write the file, as a whole or not at all."""
        _write(data_dir / _FILE, json.dumps(asdict(self), indent=2) + "\n", account)

    def options(self, data_dir: Path, account: Account) -> dict[str, str]:
        """The settings with which the server listens, and lets in whom it should."""
        hba_file = data_dir / _HBA_FILE
        _write(hba_file, _HBA, account)
        return {"listen_addresses": ADDRESS, "hba_file": str(hba_file)}


def project_here() -> Path:
    """The project that we are in: the nearest folder above with .git, else the current one."""
    here = Path.cwd()
    return next((one for one in (here, *here.parents) if os.path.exists(one / ".git")), here)  # noqa: PTH110 - a folder that we may not look into is no error


def default_folder(project: Path | None = None) -> Path:
    """Where a project's server is kept unless a folder is named.

    It is not in the project: paths of sockets must be short, and PostgreSQL, which never runs as
    root, could not enter the home of root.
    """
    project = project or project_here()
    name = re.sub(r"[^\w.-]+", "-", project.name or "root", flags=re.ASCII)[:24]
    digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    return common_folder() / f"{name}-{digest}"


def common_folder() -> Path:
    """The folder of all projects' servers; the only server of pgcredits 0.1.0 is in itself."""
    if os.geteuid() == 0:
        return Path("/usr/local/var" if sys.platform == "darwin" else "/var/lib") / "pgcredits"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "pgcredits"
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "pgcredits"


def read(data_dir: Path) -> Belonging | None:
    """What the file says; None where there is none.

    Raises:
        ServerError: The file is not as we write it.
    """
    path = data_dir / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Belonging)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise ServerError(
            f"{path} cannot be understood", "Remove it, and use the server with --take-over."
        ) from None


def named(project: Path) -> str:
    """The project as the file names it: JSON takes no bytes that are not UTF-8."""
    return os.fsencode(project).decode("utf-8", "backslashreplace")


def new(project: Path, folder: Path, port: int | None) -> Belonging:
    """Belonging to this project, with a password of its own."""
    return Belonging(named(project), port or _free_port(folder), secrets.token_hex(16))


def require_ours(found: Belonging | None, project: Path, folder: Path) -> None:
    """Check that a server was made for this project.

    Raises:
        RefusedError: It is another project's, or nobody knows whose.
    """
    if found is None:
        raise RefusedError(
            f"nothing says whose server is in {folder}",
            "If it is yours (as one of pgcredits 0.1.0 is), use it with --take-over.",
        )
    if found.project != named(project):
        raise RefusedError(
            f"the server in {folder} belongs to {found.project}, and this is {named(project)}",
            "Name another folder, or none; to have that server from now on, add --take-over.",
        )


def _free_port(folder: Path) -> int:
    """A port that is free now, the same for the same folder if it can be."""
    first = int.from_bytes(hashlib.sha256(os.fsencode(folder)).digest()[:4])
    for step in range(len(_PORTS)):
        port = _PORTS[(first + step) % len(_PORTS)]
        if _is_free(port):
            return port
    raise ServerError(f"no port from {_PORTS[0]} to {_PORTS[-1]} is free", "Name one: --port.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _write(path: Path, text: str, account: Account) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as written:
        written.write(text)
        written.flush()
        if not account.is_us:
            os.fchown(file, account.uid, account.gid)
        os.fsync(file)
    unfinished.replace(path)
