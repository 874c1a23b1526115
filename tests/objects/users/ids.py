"""Ids that applications have for their users, and what user_id must make of them."""

from __future__ import annotations

import hashlib
from uuid import UUID

CLERK = "user_2abCDEFGHijklmnopQRSTUV"
#: Ids of every kind.
IDS = (
    CLERK,
    "ckpwq1x5v0000l9qz8f1g2h3j",
    "1",
    "9007199254740993",
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "ada@example.org",
    "Größe",
    "ユーザー-7",
    "\N{ROCKET}" * 200,
    "two words",
    # PostgreSQL reads these as uuids: here they are texts like any other.
    "0190a3f000007000800000000000000a",
    "{0190a3f0-0000-7000-8000-00000000000a}",
)
#: A uuid stands for itself.
UUIDS = (
    "0190a3f0-0000-7000-8000-00000000000a",
    "0190A3F0-0000-7000-8000-00000000000A",
    "6BA7B810-9dad-11d1-80b4-00c04fd430c8",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    # Version 8 only by its digit: the variant is not the RFC's.
    "00000000-0000-8000-0000-000000000000",
    "00000000-0000-8000-c000-000000000000",
)
#: Ids that nobody may have, and why.
REFUSED = {
    "": "is empty",
    "x" * 201: "has 201 characters",
    " user_1": "has white space at an end",
    "user_1\t": "has white space at an end",
    "user_1\N{NO-BREAK SPACE}": "has white space at an end",
    "\N{ZERO WIDTH NO-BREAK SPACE}user_1": "has white space at an end",
    "user\n1": "has control characters",
    "user\x7f1": "has control characters",
    "user\x851": "has control characters",
    "user\x9f1": "has control characters",
    # An o and a combining diaeresis, which look like the one letter.
    "Gro\N{COMBINING DIAERESIS}sse": "is not in Unicode's form NFC",
    "0190a3f0-0000-8000-8000-00000000000a": "is a uuid of version 8",
    "0190A3F0-0000-8000-BFFF-00000000000A": "is a uuid of version 8",
}


def hashed(external_id: str) -> UUID:
    """The uuid of an id that is no uuid, made by Python's own means."""
    digest = hashlib.sha256(b"pgcredits:" + external_id.encode()).digest()
    # UUID's constructor sets neither: the version in the 7th byte, the variant in the 9th.
    number = int.from_bytes(digest[:16], "big")
    number &= ~(0xF << 76 | 0x3 << 62)
    return UUID(int=number | 8 << 76 | 2 << 62)
