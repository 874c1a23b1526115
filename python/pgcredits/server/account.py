"""The operating-system account that a server runs as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgcredits.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

#: Accounts without privileges that root uses: the database's own if there is one, else nobody.
UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The account that owns a server's processes and files."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_new_server(cls) -> Account:
        """Our own account, or one without privileges when we are root."""
        if os.geteuid() != 0:
            return cls._of_uid(os.geteuid())
        for name in UNPRIVILEGED:
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(found.pw_name, found.pw_uid, found.pw_gid)
        raise ServerError(
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody",
            "Run this as an ordinary user, or add one: useradd --system postgres",
        )

    @classmethod
    def owning(cls, folder: Path) -> Account:
        """The owner of an existing data directory."""
        owner = cls._of_uid(folder.stat().st_uid)
        if os.geteuid() not in (0, owner.uid):
            raise ServerError(
                f"{folder} belongs to {owner.name}", f"Run this as {owner.name} or as root."
            )
        return owner

    @classmethod
    def _of_uid(cls, uid: int) -> Account:
        try:
            found = pwd.getpwuid(uid)
        except KeyError:  # a container started with a bare number
            return cls(str(uid), uid, os.getegid())
        return cls(found.pw_name, uid, os.getegid() if uid == os.geteuid() else found.pw_gid)

    @property
    def is_us(self) -> bool:
        """Whether no switch is needed."""
        return self.uid == os.geteuid()

    def switch(self) -> dict[str, Any]:
        """Arguments for subprocess that start a program as this account."""
        if self.is_us:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def make_folder(self, folder: Path) -> None:
        """Make a folder that only this account may enter."""
        folder.mkdir(mode=0o700)
        if not self.is_us:
            os.chown(folder, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether the folder and all above it let this account through."""
        if self.is_us:
            return os.access(folder, os.X_OK)
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
                capture_output=True,
                check=False,
                cwd="/",
                **self.switch(),
            )
        except OSError as error:
            raise ServerError(
                f"no program can be started as the user {self.name}: {error.strerror}",
                "Run this as an ordinary user.",
            ) from error
        return done.returncode == 0
