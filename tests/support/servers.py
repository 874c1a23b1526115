"""The PostgreSQL server that the tests run on: embedded, in a container, or an existing one."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import LiteralString

IMAGE = os.environ.get("PGCREDITS_TEST_IMAGE", "postgres:18")

# Room for the races: sixteen sessions here, sixty there, and the test's own connections. Small
# tables need no compiler: where PostgreSQL has one, it would take longer than most queries. Plans
# must not depend on when autovacuum came by.
OPTIONS = {"max_connections": "300", "jit": "off", "autovacuum": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """How to reach the server; also what pytest-postgresql's `depends_on` reads."""

    host: str
    port: int
    user: str
    password: str | None = None
    maintenance_dbname: str = "postgres"
    options: str = ""
    template_dbname: str | None = None
    #: The connection through which databases are made and dropped.
    administration: psycopg.Connection[Any] = field(kw_only=True, compare=False, repr=False)
    #: Statements for that connection, after each drop.
    after_drop: list[LiteralString] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    @contextmanager
    def at(cls, dsn: str) -> Iterator[PostgresServer]:
        """Connect, so that libpq's defaults and environment are filled in."""
        given = conninfo_to_dict(dsn)
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as conn:
            yield cls(
                host=str(given.get("host") or conn.info.host),
                port=conn.info.port,
                user=conn.info.user,
                password=conn.info.password or None,
                maintenance_dbname=conn.info.dbname,
                administration=conn,
            )

    def dsn(self, dbname: str | None = None) -> str:
        """A libpq connection string for one of its databases."""
        return make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=dbname or self.maintenance_dbname,
        )

    def connect(self, dbname: str | None = None) -> psycopg.Connection[Any]:
        """An autocommit connection for the harness's own work."""
        return psycopg.connect(self.dsn(dbname), autocommit=True, connect_timeout=30)


@dataclass(frozen=True)
class Choice:
    """A kind of server, chosen before anything is started, and how it is announced."""

    kind: str
    announcement: str
    dsn: str | None = None

    @contextmanager
    def run(self, options: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
        """Start it, or find it running; what was started is gone afterwards."""
        settings = {**OPTIONS, **(options or {})}
        if self.kind == "embedded":
            from pgcredits.server import ephemeral_server

            with (
                ephemeral_server(options=settings) as started,
                PostgresServer.at(started.dsn()) as server,
            ):
                yield server
        elif self.kind == "docker":
            with (
                _container({**settings, "fsync": "off"}) as dsn,
                PostgresServer.at(dsn) as server,
            ):
                yield server
        else:
            assert self.dsn is not None
            with PostgresServer.at(self.dsn) as server:
                yield server


def choose(kind: str | None, dsn: str | None = None) -> Choice:
    """Choose a server; without a wish, a container where that needs no download.

    Args:
        kind: embedded, docker, dsn, or None.
        dsn: The existing server, for kind dsn.
    """
    if kind is None:
        kind = "dsn" if dsn else "docker" if _image_version() else "embedded"
    if kind == "docker":
        return Choice(kind, f"docker, image {IMAGE}, PostgreSQL {_image_version() or 'unknown'}")
    if kind == "embedded":
        from pgcredits.server import find_binaries

        found = find_binaries()
        return Choice(kind, f"embedded, PostgreSQL {found.version}")
    if not dsn:
        raise ValueError("--postgres=dsn needs --postgres-dsn")
    with psycopg.connect(dsn, connect_timeout=10) as conn:
        version = conn.info.parameter_status("server_version")
    return Choice(kind, f"existing server, PostgreSQL {version}", dsn)


def _image_version() -> str | None:
    """PG_VERSION of the image, if an engine answers and has the image; else None."""
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        client = docker.from_env(timeout=10)
    except DockerException:
        return None
    try:
        image = client.images.get(IMAGE)
    except DockerException:
        return None
    finally:
        client.close()
    environment: dict[str, str] = dict(
        line.partition("=")[::2] for line in image.attrs["Config"].get("Env") or []
    )
    return environment.get("PG_VERSION", "of unknown version")


@contextmanager
def _container(options: Mapping[str, str]) -> Iterator[str]:
    """Run the image through testcontainers, and yield its connection string."""
    import docker
    from docker.errors import ImageNotFound
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.config import testcontainers_config

    # Ryuk, a container of testcontainers, clears up after a run that was killed. Use it where its
    # image is here already; it is not worth a download.
    client = docker.from_env()
    try:
        client.images.get(testcontainers_config.ryuk_image)
    except ImageNotFound:
        testcontainers_config.ryuk_disabled = True
    finally:
        client.close()

    container = PostgresContainer(
        IMAGE, username="postgres", password=secrets.token_hex(8), dbname="postgres", driver=None
    )
    # The data directory is in memory, since every test copies a few hundred files. Its path is not
    # that of the image's volume, which differs between majors.
    container.with_tmpfs_mount("/cluster").with_env("PGDATA", "/cluster/data")
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    container.with_command(["postgres", *settings])
    try:
        try:
            container.start()
        except Exception as error:
            if container.get_container_info() is not None:
                error.add_note(b"\n".join(container.get_logs()).decode(errors="replace"))
            raise
        yield container.get_connection_url(driver=None)
    finally:
        container.stop()
