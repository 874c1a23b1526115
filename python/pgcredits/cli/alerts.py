"""``pgcredits alerts``: list, follow, acknowledge and resolve alerts."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.text import Text
from typer.core import TyperGroup

from pgcredits import alerts as relay
from pgcredits.alerts import signing
from pgcredits.alerts.bookmark import Bookmark
from pgcredits.alerts.bookmark_file import BookmarkWriter, load, save
from pgcredits.cli.app import app
from pgcredits.cli.console import out, print_error_line, print_json, print_line
from pgcredits.cli.options import DsnOption, Format, FormatOption
from pgcredits.long_running import Stop, stop_on_signals
from pgcredits.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from pgcredits.alerts import Alert
    from pgcredits.alerts.follow import Sink

_COLORS = {"info": "blue", "warning": "yellow", "error": "red", "critical": "bold red"}


class Level(StrEnum):
    """How urgent an alert is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class AlertsGroup(TyperGroup):
    """The commands below ``alerts``; it understands the spelling of 0.1.0, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read ``alerts --follow OPTIONS`` as ``alerts follow OPTIONS``, and say so."""
        if "--follow" in args and args[0] not in self.commands:
            print_error_line("alerts --follow is now spelled: pgcredits alerts follow")
            args = ["follow", *(argument for argument in args if argument != "--follow")]
        return super().parse_args(ctx, args)


alerts = typer.Typer(cls=AlertsGroup)
app.add_typer(alerts, name="alerts")

AlertArgument = Annotated[UUID, typer.Argument(metavar="ALERT_ID", show_default=False)]
MinLevelOption = Annotated[Level, typer.Option(help="Only alerts of this level and above.")]
TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only alerts of this type; may be repeated."),
]


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    dsn: DsnOption = "",
    also_resolved: Annotated[
        bool, typer.Option("--all", help="Also alerts resolved within the last 7 days.")
    ] = False,
    min_level: MinLevelOption = Level.INFO,
    types: TypesOption = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """List the open alerts. The role needs to be granted credits_analyst.

    Into a pipe or a file it prints a line for each: level, type, alert, user, generation,
    provider, how often and when first and last seen, acknowledged by, when and by whom resolved,
    message, with tabs between.

    Exit status: 0; 3 if the connection fails, 4 if the role may not read the alerts.
    """
    if context.invoked_subcommand is not None:
        _require_no_option_before(context, "follow")
        return
    wanted = relay.Wanted(min_level.value, tuple(types or ()))
    found = relay.read_alerts(dsn, wanted, also_resolved=also_resolved)
    if output_format is Format.JSON:
        print_json([alert.as_json() for alert in found])
        return
    if not found:
        print_error_line("no open alerts")
    for alert in found:
        if out.is_terminal:
            _print_paragraph(alert)
        else:
            _print_piped(alert)


StateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Keep here what was passed on, so that a restart misses nothing."
    ),
]
CommandOption = Annotated[
    str | None,
    typer.Option(
        help="Run this for each event, with its JSON on stdin and without a shell; again until it "
        "succeeds.",
    ),
]
WebhookOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="PGCREDITS_WEBHOOK",
        show_envvar=True,
        help="POST each event there as JSON; again until it is taken.",
    ),
]
HeaderOption = Annotated[
    str | None,
    typer.Option(
        metavar="HEADER",
        envvar="PGCREDITS_WEBHOOK_HEADER",
        show_envvar=True,
        help="With --webhook: send this header, too, as 'Authorization: Bearer ...'.",
    ),
]
SlackOption = Annotated[
    bool, typer.Option("--slack", help="With --webhook: as messages for Slack.")
]
PollOption = Annotated[
    float,
    typer.Option(min=0.1, max=3600, help="Look after so many seconds, even if nobody notifies us."),
]


@alerts.command()
def follow(
    dsn: DsnOption = "",
    min_level: MinLevelOption = Level.INFO,
    types: TypesOption = None,
    output_format: FormatOption = Format.TEXT,
    state: StateOption = None,
    command: CommandOption = None,
    webhook: WebhookOption = None,
    webhook_header: HeaderOption = None,
    slack: SlackOption = False,
    poll: PollOption = 15,
) -> None:
    """Pass on the events of alerts, until stopped. The role needs credits_analyst.

    Each event (opened, escalated, due_again, resolved) is delivered at least once, one after the
    other: as a line on stdout, to a command or to a webhook. The same event always has the same
    key (of a webhook, in the header Idempotency-Key, too). It begins with what is open. It ends on
    SIGTERM and Ctrl-C. A webhook's answers 408, 425, 429 and 5xx are tried again; after 400, 413
    and 422 the event is left out and reported; any other ends the program. With a secret in the
    environment variable PGCREDITS_WEBHOOK_SECRET (whsec_...) what is posted is signed, as Standard
    Webhooks does it.

    Exit status: 0, also after a signal; 3 if the first connection fails, 4 if the role may not
    read the alerts; 21 if events cannot be passed on, or the state cannot be kept.
    """
    sink = _sink(command, webhook, webhook_header, slack, output_format)
    stop = Stop()
    stop_on_signals(stop)
    bookmark = load(state) if state else Bookmark()
    writer = BookmarkWriter((lambda content: save(content, state)) if state else None)
    follower = relay.Follower(
        dsn,
        sink,
        bookmark=bookmark,
        keep=writer,
        stop=stop,
        tell=lambda line: print_error_line(printable(line)),
        wanted=relay.Wanted(min_level.value, tuple(types or ())),
        every=poll,
    )
    try:
        follower.run()
    finally:
        writer.flush(bookmark)


@alerts.command()
def acknowledge(
    alert_id: AlertArgument,
    by: Annotated[str, typer.Option(help="Who takes care of the alert.")],
    dsn: DsnOption = "",
) -> None:
    """Say who takes care of an alert: listeners are told again only if it escalates."""
    alert = relay.acknowledge(dsn, alert_id, by)
    if alert.resolved_at:
        told = f"{alert.type} was resolved by {alert.resolved_by} before"
    else:
        told = f"{alert.type} is acknowledged by {alert.acknowledged_by}"
    print_line(printable(told))


@alerts.command()
def resolve(
    alert_id: AlertArgument,
    by: Annotated[str, typer.Option(help="Who dealt with the alert.")],
    note: Annotated[str | None, typer.Option(help="What was done.")] = None,
    dsn: DsnOption = "",
) -> None:
    """Say that an alert is dealt with; where its cause is still there, a new one opens."""
    alert = relay.resolve(dsn, alert_id, by, note)
    print_line(printable(f"{alert.type} is resolved by {alert.resolved_by}"))


def _require_no_option_before(context: typer.Context, command: str) -> None:
    """Refuse options of the list before another command: they would silently have no effect."""
    sources = [context.get_parameter_source(name) for name in context.params]
    if context.invoked_subcommand == command and any(
        source is not None and source.name == "COMMANDLINE" for source in sources
    ):
        raise typer.BadParameter(f"write the options behind {command}")


def _sink(
    command: str | None,
    webhook: str | None,
    header: str | None,
    slack: bool,
    output_format: Format,
) -> Sink:
    if command and webhook:
        raise typer.BadParameter("--command and --webhook exclude each other: run two")
    if slack and not webhook:
        raise typer.BadParameter("--slack needs --webhook")
    if header is not None and not webhook:
        raise typer.BadParameter("--webhook-header needs --webhook")
    if webhook:
        from pgcredits.alerts.slack import payload
        from pgcredits.alerts.webhook import WebhookSink

        secret = os.environ.get(signing.VARIABLE)
        return WebhookSink(
            webhook,
            shape=payload if slack else relay.Event.as_json,
            header=header,
            signer=None if secret is None else signing.Signer(secret),
        )
    from pgcredits.alerts.sinks import CommandSink, LineSink

    if command:
        return CommandSink(command)
    return LineSink(typer.echo, as_json=output_format is Format.JSON)


#: The columns of a line in a pipe. Further ones are appended: who reads them counts.
_PIPED = (
    "level",
    "type",
    "alert_id",
    "user_id",
    "generation_id",
    "provider",
    "occurrences",
    "first_seen_at",
    "last_seen_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "message",
    "external_user_id",
)


def _print_piped(alert: Alert) -> None:
    """One line for programs: values between tabs, which no value can hold."""
    columns = alert.as_json()
    values = ("" if columns[name] is None else str(columns[name]) for name in _PIPED)
    typer.echo("\t".join(map(printable, values)))


def _print_paragraph(alert: Alert) -> None:
    """A few lines for people: each id is in one piece, however narrow the terminal."""
    level = Text(alert.level, style="dim" if alert.resolved_at else _COLORS.get(alert.level, ""))
    out.print(level, Text(printable(" ".join(filter(None, (alert.type, alert.provider))))))
    seen = f"seen {_moment(alert.first_seen_at)}"
    if alert.occurrences > 1:
        seen += f" to {_moment(alert.last_seen_at)}, {alert.occurrences:,} times"
    for line in (
        alert.message,
        f"alert {alert.alert_id}",
        f"user {alert.user_id}" if alert.user_id.int else None,
        f"external id {alert.external_user_id}" if alert.external_user_id else None,
        f"generation {alert.generation_id}" if alert.generation_id else None,
        seen,
        f"acknowledged by {alert.acknowledged_by}" if alert.acknowledged_by else None,
        f"resolved {_moment(alert.resolved_at)} by {alert.resolved_by}"
        if alert.resolved_at
        else None,
    ):
        if line:
            print_line(f"  {printable(line)}")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S%z}"
