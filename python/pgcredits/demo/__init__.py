"""``pgcredits demo``: every way in which a paid generation can go, played on a throwaway server.

``scenarios`` is what happens to generations and what each owes in the end; ``provider`` is whom
the work is bought from, ``shop`` the application that sells it, ``office`` the maintenance beside
it; ``stage`` plays it all at once, ``results`` judges it from the ledger, and ``tables`` prints it.
``ada`` is the months of one user whose ledger is shown.
"""

from __future__ import annotations
