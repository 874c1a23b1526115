"""``pgcredits up``: a PostgreSQL server for development, with pgcredits in it."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from pgcredits.cli.app import app
from pgcredits.cli.console import print_line
from pgcredits.cli.options import Format, FormatOption
from pgcredits.exit_status import ExitStatus

DATABASE = "pgcredits"


@app.command()
def up(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Where its data is kept, in ~/.local/share/pgcredits if not named "
            "(as root: /var/lib/pgcredits).",
            show_default=False,
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the server; its data stay.")] = False,
    status: Annotated[
        bool,
        typer.Option("--status", help="Only tell whether it runs; exit status 6 if it does not."),
    ] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Install pgcredits in it, or do not.")
    ] = True,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Start a PostgreSQL server for development, or find it running; it stays until stopped.

    It listens on a socket in its own directory, for its owner and root alone.
    """
    from pgcredits.server import durable

    if stop and status:
        raise typer.BadParameter("--stop and --status exclude each other")
    folder = (directory or durable.default_folder()).resolve()
    if stop:
        facts = {"state": "stopped" if durable.stop(folder) else "not running"}
    elif status and durable.running(folder) is None:
        facts = {"state": "not running"}
    else:
        facts = _attach(folder, make_database=not status, migrate=migrate)
    facts = {"directory": str(folder), **facts}
    if output_format is Format.JSON:
        typer.echo(json.dumps(facts))
    else:
        for name, value in facts.items():
            print_line(f"{name:<10}{value}")
    if status and facts["state"] == "not running":
        raise typer.Exit(ExitStatus.LOCAL_SERVER)


def _attach(folder: Path, *, make_database: bool, migrate: bool) -> dict[str, Any]:
    """Start the server unless it runs, prepare its database if wanted; returns how to use it."""
    from pgcredits import deploy
    from pgcredits.server import durable

    was_running = durable.running(folder) is not None
    server = durable.durable_server(folder)
    if make_database:
        _make_database(server.dsn())
        if migrate:
            deploy.migrate(server.dsn(DATABASE))
    return {
        "state": "running" if was_running else "started",
        "pid": server.pid,
        "dsn": server.dsn(DATABASE),
        "psql": server.psql_command(DATABASE),
        "stop": server.stop_command(),
    }


def _make_database(maintenance_dsn: str) -> None:
    from pgcredits.connections import connect

    with connect(maintenance_dsn) as conn:
        known = conn.execute("select from pg_database where datname = %s", [DATABASE])
        if known.rowcount == 0:
            conn.execute(f"create database {DATABASE}")
