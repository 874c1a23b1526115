"""Whether others work on the server, so that a long job can give way to them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

#: Transactions a second from which on a server counts as used. Below, there is room for a job.
BUSY = 100
#: Seconds between two looks. Sessions that are at work report about once a second.
EVERY = 2.0

# Everybody may read these, of all databases: they share the processors and the disk.
_TRANSACTIONS = """
select sum(d.xact_commit + d.xact_rollback)::bigint as transactions
from pg_stat_database as d
"""


class OtherTraffic:
    """Counts the transactions of others.

    Attributes:
        is_busy: Whether there were BUSY a second or more between the latest two looks.
    """

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self.is_busy = False
        self._counted: int | None = None
        self._at = 0.0
        self._own = 0

    def look(self, conn: psycopg.Connection[Any], own: int) -> None:
        """Count again, if the latest look is long enough ago.

        Args:
            conn: A connection in autocommit.
            own: Transactions that the caller has run since its last call.
        """
        self._own += own
        now = time.monotonic()
        if self._counted is not None and now - self._at < EVERY:
            return
        row = conn.execute(_TRANSACTIONS).fetchone()
        counted = int(row[0] or 0) if row else 0
        if self._counted is not None:
            others = counted - self._counted - self._own
            self.is_busy = others >= BUSY * (now - self._at)
        # The look is a transaction, too.
        self._counted, self._at, self._own = counted, now, 1
