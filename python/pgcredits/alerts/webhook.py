"""Events as JSON to a webhook, Slack's or anybody's.

What an answer means:

- 2xx: delivered.
- 408, 425, 429, 5xx, a timeout, no connection: tried again until it is delivered, later where
  Retry-After says so. The events behind it wait, and keep their order.
- 400, 413, 422: this very event is refused and always would be. It is reported and left out, so
  that it does not keep the others from being delivered.
- everything else (401, 403, 404, 410, a redirect, ...): the address or its secret is wrong, and
  every event would be refused. The follower ends with exit status 21; nothing is lost, since it
  goes on from its --state once it is started with the right one.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from pgcredits import __version__
from pgcredits.alerts.follow import TryAgainError, UndeliverableError
from pgcredits.alerts.model import AlertsError
from pgcredits.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgcredits.alerts.model import Event
    from pgcredits.alerts.signing import Signer

_SECONDS = 15.0
_LONGEST_RETRY_AFTER = 3600.0
_TRY_AGAIN = {408, 425, 429}
_REFUSED = {400, 413, 422}
_QUOTED_BYTES = 200
_HEADER = re.compile(r"([\w!#$%&'*+.^`|~-]+):[ \t]*([!-~](?:[ \t!-~]*[!-~])?)", re.ASCII)
#: Headers that are ours to write.
_OURS = {"content-length", "content-type", "host", "idempotency-key", "transfer-encoding"}
#: Shorter words of a header's value, as Bearer, hide nothing.
_SHORTEST_SECRET = 8


class WebhookSink:
    """Posts events to an address."""

    def __init__(
        self,
        url: str,
        *,
        shape: Callable[[Event], Any],
        header: str | None = None,
        signer: Signer | None = None,
        timeout: float = _SECONDS,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: http or https. It may hold a secret: it is never shown in full.
            shape: Makes the body of an event.
            header: One more header, "Name: value". It may hold a secret: it is never shown.
            signer: Signs what is posted.
            timeout: Seconds to connect, and between two pieces of the answer.

        Raises:
            AlertsError: The URL is not an address of http or https, or the header is none.
        """
        self.name = shown(url)
        self._shape = shape
        self._signer = signer
        self._header = _parsed(header) if header is not None else {}
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            raise _no_address() from None
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise _no_address()
        # Redirects are not followed: they would take the events to somebody else.
        self._client = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            headers={"User-Agent": f"pgcredits/{__version__}", **self._header},
        )

    def deliver(self, event: Event) -> None:
        """Post the event, and judge the answer."""
        # The bytes that are signed are those that are posted.
        body = json.dumps(self._shape(event), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": event.key}
        if self._signer:
            headers |= self._signer.headers(event, body, int(time.time()))
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                said = "" if answer.is_success else self._beginning(answer)
        except httpx.TimeoutException:
            raise TryAgainError(f"{self.name} did not answer in time") from None
        except httpx.HTTPError as error:
            raise TryAgainError(f"{self.name}: {self._without_url(error)}") from None
        status = answer.status_code
        if answer.is_success:
            return
        reason = f"{self.name} answered {status}{said and f' ({said})'}"
        if status in _TRY_AGAIN or status >= 500:
            raise TryAgainError(reason, _retry_after(answer))
        if status in _REFUSED:
            raise UndeliverableError(reason)
        raise AlertsError(
            reason,
            "Is the address right, and its secret still valid? Nothing is lost with --state.",
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _without_url(self, error: Exception) -> str:
        return printable(str(error).replace(str(self._url), self.name)) or type(error).__name__

    def _beginning(self, answer: httpx.Response) -> str:
        """The beginning of the receiver's answer, without a secret of ours that it repeats."""
        secrets = [word for value in self._header.values() for word in (value, *value.split())]
        # A secret that begins within what is quoted is read to its end, so as to be found.
        first = next(answer.iter_bytes(_QUOTED_BYTES + max(map(len, secrets), default=0)), b"")
        said = first.decode("utf-8", "replace")
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                said = said.replace(secret, "***")
        return printable(said[:_QUOTED_BYTES].strip())


def shown(url: str) -> str:
    """An address without its path, its query and its user: secrets are in these."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return printable(f"{parts.scheme}://{parts.hostname}{port}/...")
    except ValueError:
        return "the webhook"


def _no_address() -> AlertsError:
    return AlertsError(
        "--webhook is not an address of http or https",
        "For example https://hooks.example.com/services/...",
    )


def _parsed(header: str) -> dict[str, str]:
    """The header by its name; an error quotes nothing of it."""
    found = _HEADER.fullmatch(header.strip())
    if not found:
        raise AlertsError(
            "--webhook-header is not a header",
            "It is a name, a colon and a value of visible ASCII: 'Authorization: Bearer ...'.",
        )
    name = found[1].lower()
    if name in _OURS or name.startswith("webhook-"):
        raise AlertsError(
            f"--webhook-header cannot be {name}: pgcredits writes that itself",
            "Name another header, for example Authorization.",
        )
    return {found[1]: found[2]}


def _retry_after(answer: httpx.Response) -> float | None:
    """The seconds to wait that Retry-After gives, as a number or as a date."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said), _LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), _LONGEST_RETRY_AFTER)
