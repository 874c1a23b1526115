"""Signatures by which a webhook's receiver knows that an event came from us, and unchanged.

They are those of Standard Webhooks, https://www.standardwebhooks.com, for whose headers there are
libraries in every language.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from pgcredits.alerts.model import AlertsError

if TYPE_CHECKING:
    from pgcredits.alerts.model import Event

#: The environment variable with the secret: in the command line everybody could read it.
VARIABLE = "PGCREDITS_WEBHOOK_SECRET"
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


class Signer:
    """Signs what is posted with a secret that sender and receiver share."""

    def __init__(self, secret: str) -> None:
        """Read the secret: whsec_ and the base64 of 24 to 64 bytes.

        Raises:
            AlertsError: It is not of this form.
        """
        try:
            self._key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if not secret.startswith(_PREFIX) or len(self._key) not in _KEY_BYTES:
            raise AlertsError(
                f"{VARIABLE} is not a secret of Standard Webhooks",
                f'It is {_PREFIX} and the base64 of 24 to 64 bytes: "{_PREFIX}$(openssl rand '
                '-base64 32)".',
            )

    def headers(self, event: Event, body: bytes, at: int) -> dict[str, str]:
        """The headers of one attempt to deliver an event.

        Args:
            event: Its id is the same in every attempt.
            body: The very bytes that are posted.
            at: When, in seconds since 1970: a receiver takes no old one.
        """
        # The id and the time may hold no full stop, which separates what is signed.
        name = event.key.replace(".", "")
        return {
            "webhook-id": name,
            "webhook-timestamp": str(at),
            "webhook-signature": self.signature(name, at, body),
        }

    def signature(self, name: str, at: int, body: bytes) -> str:
        """The signature of a body that is posted under this id at this time."""
        signed = hmac.digest(self._key, f"{name}.{at}.".encode() + body, "sha256")
        return f"v1,{base64.b64encode(signed).decode()}"
