"""``pgcredits up``: a PostgreSQL server for development, with pgcredits in it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from pgcredits.cli.app import app
from pgcredits.cli.console import print_error_line, print_line
from pgcredits.cli.options import Format, FormatOption
from pgcredits.exit_status import ExitStatus

DATABASE = "pgcredits"


@app.command()
def up(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Where its data is kept; if not named, in a folder of this project's in "
            "~/.local/share/pgcredits (as root: /var/lib/pgcredits).",
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
    port: Annotated[
        int | None,
        typer.Option(
            min=1024,
            max=65535,
            help="Its port on 127.0.0.1, from now on; at first one that is free.",
            show_default=False,
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Have it belong to this project from now on, whosever it was."
        ),
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Start a PostgreSQL server for development, or find it running; it stays until stopped.

    Each project (the nearest folder above with .git, else the current one) has its own. It listens
    on 127.0.0.1, with a password, and on a socket in its own directory, for its owner and root
    alone. One that was not made for this project is refused, unless it is taken over.

    Exit status: 0; 4 if it is not this project's; 6 if it cannot be made, started or stopped.
    """
    from pgcredits.server import belonging, durable

    if stop and status:
        raise typer.BadParameter("--stop and --status exclude each other")
    if (stop or status) and (port or take_over):
        raise typer.BadParameter("--port and --take-over are for starting it")
    folder = (directory or belonging.default_folder()).resolve()
    if stop:
        facts = {"state": "stopped" if durable.stop(folder) else "not running"}
    elif status and durable.running(folder) is None:
        facts = {"state": "not running"}
    else:
        if directory is None:
            _tell_of_older(folder)
        facts = _attach(folder, port, take_over, make_database=not status, migrate=migrate)
    facts = {"directory": str(folder), **facts}
    if output_format is Format.JSON:
        typer.echo(json.dumps(facts))
    else:
        for name, value in facts.items():
            print_line(f"{name:<10}{value}")
    if status and facts["state"] == "not running":
        raise typer.Exit(ExitStatus.LOCAL_SERVER)


def _attach(
    folder: Path, port: int | None, take_over: bool, *, make_database: bool, migrate: bool
) -> dict[str, Any]:
    """Start the server unless it runs, prepare its database if wanted; returns how to use it."""
    from pgcredits import deploy
    from pgcredits.server import durable

    was_running = durable.running(folder) is not None
    server = durable.durable_server(folder, port=port, take_over=take_over)
    if make_database:
        _make_database(server.dsn())
        if migrate:
            deploy.migrate(server.dsn(DATABASE))
    return {
        "state": "running" if was_running else "started",
        "pid": server.pid,
        "dsn": server.uri(DATABASE),
        "psql": server.psql_command(DATABASE),
        "stop": server.stop_command(),
    }


def _tell_of_older(folder: Path) -> None:
    """Name the only server of pgcredits 0.1.0 to whoever gets a new one instead."""
    from pgcredits.server.belonging import common_folder

    older = common_folder()
    if (older / "data").exists() and not folder.exists():
        print_error_line(
            "this project gets a server of its own; the one of pgcredits 0.1.0: "
            f"pgcredits up --take-over {shlex.quote(str(older))}"
        )


def _make_database(maintenance_dsn: str) -> None:
    from pgcredits.connections import connect

    with connect(maintenance_dsn) as conn:
        known = conn.execute("select from pg_database where datname = %s", [DATABASE])
        if known.rowcount == 0:
            conn.execute(f"create database {DATABASE}")
