"""``pgcredits demo``: a small company's months of selling credits, played on a throwaway server.

``world`` is the users and what is done for them, each act one call as an application would make
it; ``story`` is when and how often; ``tables`` prints what came of it.
"""

from __future__ import annotations
