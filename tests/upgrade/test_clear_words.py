"""Migration 0010 mends what the catalog says; what an operator wrote stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgcredits import deploy

if TYPE_CHECKING:
    from support.databases import Database

RULES = "select r.type, r.description from credits.alert_rules as r"
COMMENT = "select col_description('credits.alert_rules'::regclass, a.attnum) from pg_attribute as a"
OF_THRESHOLD = " where a.attrelid = 'credits.alert_rules'::regclass and a.attname = 'threshold'"

# Migration 0010 knows them by their old texts: a slip in one would leave it as it was.
MENDED = {
    "refund_overdue",
    "refund_rate_high",
    "provider_failure_rate",
    "provider_down",
    "absorbed_cost_high",
    "maintenance_failed",
    "conflicting_failure",
    "price_above_charge",
}


def descriptions(conn: Any) -> dict[str, str]:
    return {row.type: row.description for row in conn.execute(RULES)}


def test_an_upgraded_database_reads_like_a_new_one(
    old_database: Database, database: Database
) -> None:
    old, new = old_database.connect(), database.connect()
    released = descriptions(old)

    deploy.migrate(old_database.dsn)

    upgraded = descriptions(old)
    assert upgraded == descriptions(new)
    assert {rule for rule in released if upgraded[rule] != released[rule]} == MENDED
    threshold = old.execute(COMMENT + OF_THRESHOLD).fetchone()
    assert threshold == new.execute(COMMENT + OF_THRESHOLD).fetchone()
    assert deploy.check(old_database.dsn, smoke=False).findings == ()


def test_a_description_that_an_operator_wrote_stays(old_database: Database) -> None:
    conn = old_database.connect()
    conn.execute(
        "update credits.alert_rules as r set description = 'Ask Ada first.'"
        " where r.type = 'refund_rate_high'"
    )
    released = descriptions(conn)

    deploy.migrate(old_database.dsn)

    after = descriptions(conn)
    assert after["refund_rate_high"] == "Ask Ada first."
    assert after["provider_down"] != released["provider_down"]
