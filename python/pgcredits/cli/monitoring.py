"""``pgcredits monitoring``: write the files that Prometheus and Grafana need."""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from pgcredits.cli.app import app
from pgcredits.cli.console import print_json, print_line
from pgcredits.cli.options import Format, FormatOption, RolePrefixOption
from pgcredits.monitoring import export as export_files

monitoring = typer.Typer(no_args_is_help=True)
app.add_typer(monitoring, name="monitoring", help="Files for Prometheus and Grafana.")


@monitoring.callback()
def _monitoring() -> None:
    """Files for Prometheus and Grafana."""


@monitoring.command()
def export(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The folder to write to; it is made where it is missing."
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace files there that differ from ours.")
    ] = False,
    role_prefix: RolePrefixOption = "",
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Write the configuration of an exporter, rules for Prometheus and a Grafana dashboard.

    README.md among them says what to do with each.

    Exit status: 0; 23 if files there differ (nothing is written then) or cannot be written.
    """
    exported = export_files(folder, force=force, role_prefix=role_prefix)
    if output_format is Format.JSON:
        print_json([dataclasses.asdict(file) for file in exported])
        return
    for file in exported:
        print_line(f"{file.outcome:<9} {folder / file.path}")
