"""Install, check, roll back and print the SQL package.

``migrate``, ``rollback`` and ``check`` take a connection string and do all their work in one
transaction under one lock; ``script`` needs no database.
"""

from __future__ import annotations

from pgcredits.deploy.checking import check
from pgcredits.deploy.findings import Finding, Kind
from pgcredits.deploy.migrating import migrate
from pgcredits.deploy.outcome import CheckReport, DeployReport
from pgcredits.deploy.rolling_back import rollback
from pgcredits.deploy.scripting import script
from pgcredits.deploy.session import DeployFailedError

__all__ = [
    "CheckReport",
    "DeployFailedError",
    "DeployReport",
    "Finding",
    "Kind",
    "check",
    "migrate",
    "rollback",
    "script",
]
