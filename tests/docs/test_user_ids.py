"""The page shows user_id in Python and JavaScript: both compute what the database does."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from docs.blocks import blocks
from objects.users.ids import IDS, REFUSED, UUIDS
from support.api import value
from support.paths import PROCEDURES_PAGE

if TYPE_CHECKING:
    import psycopg

EVERY_KIND = (*IDS, *UUIDS)
HASHES = [external_id for external_id, why in REFUSED.items() if "version 8" in why]
NODE = shutil.which("node")

ALL_IN_JAVASCRIPT = """
import { readFileSync } from "node:fs";
const answers = JSON.parse(readFileSync(0, "utf8")).map((id) => {
  try {
    return userId(id);
  } catch (error) {
    return error.name;
  }
});
console.log(JSON.stringify(answers));
"""


def in_python() -> Any:
    """The function of the page."""
    (block,) = blocks("python", pages=(PROCEDURES_PAGE,))
    names: dict[str, Any] = {}
    exec(block.code, names)  # noqa: S102 - the page's own example
    return names["user_id"]


def in_javascript(ids: list[str]) -> list[str]:
    """What the page's function makes of each id."""
    assert NODE is not None
    (block,) = blocks("js", pages=(PROCEDURES_PAGE,))
    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", block.code + ALL_IN_JAVASCRIPT],
        input=json.dumps(ids),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[str] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_python_computes_what_the_database_does(conn: psycopg.Connection[Any]) -> None:
    user_id = in_python()

    assert [user_id(one) for one in EVERY_KIND] == [
        value(conn, "user_id", one) for one in EVERY_KIND
    ]


def test_python_refuses_hashes() -> None:
    user_id = in_python()

    for one in HASHES:
        with pytest.raises(ValueError, match="version 8"):
            user_id(one)


@pytest.mark.skipif(NODE is None, reason="Node.js is not there")
def test_javascript_computes_what_the_database_does(conn: psycopg.Connection[Any]) -> None:
    assert in_javascript(list(EVERY_KIND)) == [
        str(value(conn, "user_id", one)) for one in EVERY_KIND
    ]


@pytest.mark.skipif(NODE is None, reason="Node.js is not there")
def test_javascript_refuses_hashes() -> None:
    assert in_javascript(HASHES) == ["RangeError"] * len(HASHES)
