"""Events as Slack's incoming webhooks want them; Mattermost and Discord (/slack) take them, too.

https://docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` must be escaped, since
`<!channel>` calls everybody and `<https://...|bank>` is a link. Formatting is switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgcredits.alerts.model import Event

_COLORS = {"info": "#439fe0", "warning": "#daa038", "error": "#d9534f", "critical": "#a30200"}
_RESOLVED = "#2eb886"
_TITLES = {
    "opened": "{level}",
    "escalated": "escalated to {level}",
    "due_again": "still {level}",
    "resolved": "resolved ({level})",
}
#: Slack cuts longer messages, perhaps amid an escape.
_LONGEST = 2000


def payload(event: Event) -> dict[str, Any]:
    """The body of one message."""
    alert = event.alert
    title = f"{_TITLES[event.kind].format(level=alert.level)}: {alert.type}"
    facts = {
        "provider": alert.provider,
        "user": str(alert.user_id) if alert.user_id.int else None,
        "external id": alert.external_user_id,
        "generation": alert.generation_id and str(alert.generation_id),
        "occurrences": str(alert.occurrences) if alert.occurrences > 1 else None,
        "acknowledged by": alert.acknowledged_by,
        "resolved by": alert.resolved_by,
        "alert": str(alert.alert_id),
    }
    return {
        "text": escaped(title),
        "mrkdwn": False,
        "attachments": [
            {
                "color": _RESOLVED if event.kind == "resolved" else _COLORS.get(alert.level, ""),
                "fallback": escaped(f"{title}: {alert.message}"),
                "text": escaped(alert.message),
                "mrkdwn_in": [],
                "fields": [
                    {"title": name, "value": escaped(value), "short": True}
                    for name, value in facts.items()
                    if value
                ],
                "ts": int(event.at.timestamp()),
            }
        ],
    }


def escaped(text: str) -> str:
    """A text in which Slack sees no markup."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
