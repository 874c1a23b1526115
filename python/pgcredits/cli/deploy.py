"""``migrate``, ``rollback``, ``check`` and ``sql``: install, check and remove the SQL package."""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from pgcredits import deploy
from pgcredits.cli.app import app
from pgcredits.cli.console import print_json, print_line
from pgcredits.cli.options import DsnOption, Format, FormatOption, RolePrefixOption
from pgcredits.deploy.session import DEFAULT_WAIT_SECONDS

RolesOption = Annotated[
    bool,
    typer.Option(
        "--roles/--no-roles", help="Create the group roles where they are missing, or never."
    ),
]
ShareRolesOption = Annotated[
    bool,
    typer.Option(
        "--share-roles",
        envvar="PGCREDITS_SHARE_ROLES",
        show_envvar=True,
        help="Install with roles that another database of the server uses, too.",
    ),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to go on trying while others hold locks.")
]


@app.command()
def migrate(
    dsn: DsnOption = "",
    roles: RolesOption = True,
    role_prefix: Annotated[
        str | None,
        typer.Option(
            "--role-prefix",
            help="What the names of the group roles begin with from now on, such as staging_, so"
            " that installations on one server share none; remembered.",
        ),
    ] = None,
    share_roles: ShareRolesOption = False,
    wait: WaitOption = DEFAULT_WAIT_SECONDS,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Install pgcredits, or bring it to this version. All or nothing; safe to repeat."""
    report = deploy.migrate(
        dsn, create_roles=roles, role_prefix=role_prefix, share_roles=share_roles, wait=wait
    )
    _show(report, output_format)


@app.command()
def rollback(
    dsn: DsnOption = "",
    destroy_data: Annotated[
        bool, typer.Option("--destroy-data", help="Go on although the ledger has rows.")
    ] = False,
    wait: WaitOption = DEFAULT_WAIT_SECONDS,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Remove pgcredits from the database; the group roles stay."""
    report = deploy.rollback(dsn, destroy_data=destroy_data, wait=wait)
    _show(report, output_format)


@app.command()
def check(
    dsn: DsnOption = "",
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Also grant, deduct and refund, and roll that back."),
    ] = False,
    wait: WaitOption = DEFAULT_WAIT_SECONDS,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Name what is pending, edited, missing, changed by hand or not ours. Changes nothing.

    Exit status: 0 when all is well, else that of the gravest finding: 10 not_installed, 11 newer,
    12 smoke, 13 edited_migration, 14 missing, 15 drift, 16 unmanaged, 17 pending,
    18 server_changed.
    """
    report = deploy.check(dsn, smoke=smoke, wait=wait)
    _show(report, output_format)
    raise typer.Exit(report.exit_status)


@app.command()
def sql(
    roles: RolesOption = True,
    role_prefix: RolePrefixOption = "",
    share_roles: ShareRolesOption = False,
    from_version: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="VERSION", help="The upgrade of a database of this version instead."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to this file, not to the terminal.")
    ] = None,
) -> None:
    """Print the whole installation as one SQL script, for review, psql or a migrations folder.

    With --from the script upgrades a database of that version, as a later migration there.
    """
    script = deploy.script(
        create_roles=roles,
        role_prefix=role_prefix,
        share_roles=share_roles,
        from_version=from_version,
    )
    if output:
        output.write_text(script, encoding="utf-8", newline="\n")
    else:
        typer.echo(script, nl=False)


def _show(report: deploy.DeployReport | deploy.CheckReport, output_format: Format) -> None:
    if output_format is Format.JSON:
        print_json(dataclasses.asdict(report))
        return
    for line in report.lines():
        print_line(line)
