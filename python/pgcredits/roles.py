"""How the group roles of an installation are called: they belong to the whole server."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgcredits.errors import RefusedError

if TYPE_CHECKING:
    import psycopg

    from pgcredits.sources import Package

ROLES = ("credits_app", "credits_analyst", "credits_operator")

_NAME = re.compile(rf"\b(?:{'|'.join(ROLES)})\b")
#: PostgreSQL cuts names after 63 bytes, and keeps pg_ for itself.
_PREFIX = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,39}|")

# What the deployer's remember_roles.sql wrote: it is there for everybody to read, and in dumps.
# Where a dump was restored without comments, the grants tell: nobody else's roles may come in.
_PREFIX_OF_DATABASE = r"""
select coalesce(
    substring(
        pg_catalog.obj_description(n.oid, 'pg_namespace') from '([a-z0-9_]*)credits_app\M'
    ),
    (
        select nullif(substring(r.rolname from '^([a-z0-9_]*)credits_app$'), '')
        from pg_catalog.pg_namespace as c
        cross join lateral pg_catalog.aclexplode(c.nspacl) as a
        inner join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            c.nspname = 'credits'
            and r.rolname ~ '^[a-z0-9_]*credits_app$'
        order by r.rolname = 'credits_app' desc
        limit 1
    )
)
from pg_catalog.pg_namespace as n
where n.nspname = 'credits_deploy'
"""


@dataclass(frozen=True)
class Roles:
    """The group roles of one installation.

    Attributes:
        prefix: What their names begin with, so that two installations on one server have roles of
            their own; empty where they are called as the SQL files call them.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not stand unquoted before a role's name."""
        if not _PREFIX.fullmatch(self.prefix):
            raise RefusedError(
                f'"{self.prefix}" cannot be the prefix of roles',
                'It has up to 40 characters of a-z, 0-9 and _, like "staging_".',
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The whole names."""
        return tuple(map(self.in_text, ROLES))

    def in_text(self, text: str) -> str:
        """A text in which each role has its whole name: the SQL files have the plain ones."""
        return _NAME.sub(rf"{self.prefix}\g<0>", text)

    def in_package(self, package: Package) -> Package:
        """The package as it is installed with these roles; hashes are of the plain files."""
        return replace(
            package,
            migrations=tuple(
                replace(m, sql=self.in_text(m.sql), rollback_sql=self.in_text(m.rollback_sql))
                for m in package.migrations
            ),
            definitions=tuple(replace(d, sql=self.in_text(d.sql)) for d in package.definitions),
        )


def read_prefix(conn: psycopg.Connection[Any]) -> str | None:
    """What the database remembers; None if it does not: the names are the plain ones then."""
    row = conn.execute(_PREFIX_OF_DATABASE).fetchone()
    return row[0] if row else None


def read_roles(conn: psycopg.Connection[Any]) -> Roles:
    """The roles of the database's installation; any role may ask."""
    return Roles(read_prefix(conn) or "")
