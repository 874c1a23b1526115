"""A small package of SQL files for the deployer to install, and to be edited by tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import namedtuple_row

from pgcredits.deploy import CheckReport, DeployReport, check, migrate, rollback, script
from pgcredits.server import find_binaries
from support.databases import Database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.servers import PostgresServer

FILES = {
    "migrations/0001-schemas.sql": """
create schema credits;
create schema credits_internal;
create schema credits_monitoring;
grant usage on schema credits to credits_app;
grant usage on schema credits_monitoring to credits_analyst;
""",
    "migrations/0001-schemas.rollback.sql": """
drop schema credits_monitoring;
drop schema credits_internal;
drop schema credits;
""",
    "migrations/0002-tables.sql": """
-- Everything that tables can have; 100 % of it.
create type credits.size as enum ('small', 'large');
create type credits.item_result as (item_id bigint, size credits.size);
create table credits.items (
    item_id bigint generated always as identity,
    size credits.size not null default 'small',
    price numeric not null,
    constraint items_pkey primary key (item_id),
    constraint items_price_not_negative check (price >= 0)
);
create index items_by_size on credits.items (size);
create table credits.credit_transactions (
    item_id bigint not null,
    constraint credit_transactions_item_exists
    foreign key (item_id) references credits.items (item_id)
);
grant insert on credits.items to credits_operator;
""",
    "migrations/0002-tables.rollback.sql": """
drop table credits.credit_transactions;
drop table credits.items;
drop type credits.item_result;
drop type credits.size;
""",
    "procedures/internal/refuse_change.sql": """
create or replace function credits_internal.refuse_change()
returns trigger
language plpgsql
as $refuse_change$
begin
    raise exception 'items never change';
end
$refuse_change$;
revoke all on function credits_internal.refuse_change from public;

create or replace trigger items_never_change
before update or delete on credits.items
for each row execute function credits_internal.refuse_change();
alter table credits.items enable always trigger items_never_change;
""",
    "procedures/ledger/add_item.sql": """
create or replace function credits.add_item(p_price numeric)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $add_item$
    insert into credits.items (price) values (p_price) returning item_id;
$add_item$;
comment on function credits.add_item is 'Add an item; 5 % more each year.';
revoke all on function credits.add_item from public;
grant execute on function credits.add_item to credits_app;
""",
    # In the order of the alphabet, the first view would come before the one it reads.
    "views/usage/a_total.sql": """
create or replace view credits_monitoring.a_total as
select sum(s.items) as items from credits_monitoring.sizes as s;
comment on view credits_monitoring.a_total is 'One row.';
comment on column credits_monitoring.a_total.items is 'How many.';
grant select on credits_monitoring.a_total to credits_analyst;
""",
    "views/usage/sizes.sql": """
create or replace view credits_monitoring.sizes as
select
    i.size,
    count(*) as items
from credits.items as i
group by i.size;
comment on view credits_monitoring.sizes is 'One row per size; see credits_monitoring.a_total.';
grant select on credits_monitoring.sizes to credits_analyst;
""",
}

ADD_ITEM = "procedures/ledger/add_item.sql"
REFUSE_CHANGE = "procedures/internal/refuse_change.sql"
SIZES = "views/usage/sizes.sql"
A_TOTAL = "views/usage/a_total.sql"


@dataclass(frozen=True)
class Tree:
    """The files below root, and a database to install them in."""

    root: Path
    database: Database
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def dsn(self) -> str:
        """The database, as its owner unless the parameters say otherwise."""
        return make_conninfo(self.database.dsn, **self.parameters)

    def connecting(self, **parameters: str) -> Tree:
        """The same, with other parameters of the connection."""
        return replace(self, parameters=parameters)

    def write(self, path: str, sql: str) -> None:
        """Create or overwrite a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sql, encoding="utf-8", newline="\n")

    def add_migration(self, name: str, sql: str = "", rollback: str = "") -> None:
        """Write a migration and its rollback."""
        self.write(f"migrations/{name}.sql", sql)
        self.write(f"migrations/{name}.rollback.sql", rollback)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        before = (self.root / path).read_text(encoding="utf-8")
        assert old in before
        self.write(path, before.replace(old, new))

    def remove(self, path: str) -> None:
        """Delete a file."""
        (self.root / path).unlink()

    def migrate(self, **options: Any) -> DeployReport:
        """Deploy the files, with the roles that all databases of the tests share."""
        return migrate(self.dsn, root=self.root, **{"share_roles": True, **options})

    def check(self, **options: Any) -> CheckReport:
        """Check the database against the files."""
        return check(self.dsn, root=self.root, **options)

    def rollback(self, **options: Any) -> DeployReport:
        """Remove it all."""
        return rollback(self.dsn, root=self.root, **options)

    def script(self, **options: Any) -> str:
        """The files as one script, with the roles that all databases of the tests share."""
        return script(root=self.root, **{"share_roles": True, **options})

    def found(self) -> list[tuple[str, str]]:
        """Kind and name of what check finds."""
        return [(str(f.kind), f.name) for f in self.check().findings]

    def execute(self, sql: str, *params: Any) -> list[Any]:
        """Run statements as the owner, in a connection of their own, as a DBA would."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=namedtuple_row) as conn:
            cursor = conn.execute(sql.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, *params: Any) -> Any:
        """The one value of a query."""
        ((only,),) = self.execute(sql, *params)
        return only


@dataclass(frozen=True)
class Cluster:
    """A server without our roles."""

    server: PostgresServer
    root: Path

    def execute(self, sql: str, *params: Any) -> list[Any]:
        """Run a statement as superuser."""
        with self.server.connect() as conn:
            cursor = conn.execute(sql.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

    def tree(self, name: str, **parameters: str) -> Tree:
        """The small package and a database."""
        return Tree(self.root, Database(self.server, name), parameters)


def write_files(root: Path) -> None:
    """Write the small package."""
    for path, sql in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(sql, encoding="utf-8", newline="\n")


def run_program(name: str, *arguments: str, text: str | None = None) -> str:
    """Run psql, pg_dump, ... and return what it printed; its errors fail the test."""
    binaries = find_binaries()
    done = subprocess.run(
        [binaries.program(name), *arguments],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, **binaries.env},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_script(dsn: str, text: str) -> None:
    """Run a script with psql, stopping at the first error."""
    run_program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, text=text)


def dump_schema(dsn: str) -> list[str]:
    """The whole database's definitions, as pg_dump writes them."""
    text = run_program("pg_dump", "--schema-only", "-d", dsn)
    return [
        line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    ]
