"""An installation's roles replaced by others: what the old ones might do, the new ones may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pgcredits.deploy import grants
from pgcredits.deploy.manifest import REMEMBER_ROLES, read_live, record_objects
from pgcredits.deploy.session import execute

if TYPE_CHECKING:
    from pgcredits.deploy.manifest import Installed
    from pgcredits.deploy.session import Connection
    from pgcredits.roles import Roles

# The fingerprint is that of the new state: a change by hand stays one.
_RECORD_GRANTS = """
update credits_deploy.manifest as m
set
    state = s.state,
    fingerprint = encode(sha256(convert_to(s.state::text, 'utf8')), 'hex')
from (
    select
        b.kind,
        b.identity,
        jsonb_set(b.state, '{grants}', %s::jsonb) as state
    from credits_deploy.manifest as b
    where b.kind = %s and b.identity = %s
) as s
where m.kind = s.kind and m.identity = s.identity
"""


def replace_roles(conn: Connection, installed: Installed, old: Roles, new: Roles) -> None:
    """Move all grants within our schemas, and remember the new names.

    Members of the old roles do not become members of the new ones.
    """
    for live in read_live(conn).values():
        for entry in (*live.grants, *live.kept_grants):
            if (now := grants.moved(entry, old, new)) != entry:
                execute(conn, grants.revoke(*live.key, entry))
                execute(conn, grants.grant(*live.key, now))
    for key, recorded in installed.objects.items():
        before = recorded.state["grants"]
        after = sorted(grants.moved(entry, old, new) for entry in before)
        if after != before:
            conn.execute(_RECORD_GRANTS, [json.dumps(after), *key])
    execute(conn, new.in_text(REMEMBER_ROLES))
    execute(conn, new.in_text(record_objects([("schema", "credits_deploy")])))
