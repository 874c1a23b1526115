from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from objects.internal.chain import content_digest

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("reason", "metadata", "text"),
    [
        (None, "{}", '[null, "{}"]'),
        ("", "{}", '["", "{}"]'),
        ("null", "{}", '["null", "{}"]'),
        ("grün", '{"b": 1, "aa": "ü"}', '["grün", "{\\"b\\": 1, \\"aa\\": \\"ü\\"}"]'),
        ('a "b"\n', '{"a": "\\n"}', '["a \\"b\\"\\n", "{\\"a\\": \\"\\\\n\\"}"]'),
    ],
)
def test_it_is_the_hash_of_the_documented_text(
    conn: psycopg.Connection[Any], reason: str | None, metadata: str, text: str
) -> None:
    row = conn.execute(
        "select credits_internal.content_digest(%s, %s::jsonb) as digest", (reason, metadata)
    ).fetchone()

    assert row is not None
    assert row.digest == hashlib.sha256(text.encode()).digest()
    assert row.digest == content_digest(reason, metadata)


def test_no_reason_and_an_empty_one_differ(conn: psycopg.Connection[Any]) -> None:
    row = conn.execute(
        "select credits_internal.content_digest(null, '{}') as none,"
        " credits_internal.content_digest('', '{}') as empty"
    ).fetchone()

    assert row is not None
    assert row.none != row.empty
