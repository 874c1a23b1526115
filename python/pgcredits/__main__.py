"""``python -m pgcredits``: the command line, also where the script pgcredits is not on the path."""

from __future__ import annotations

from pgcredits.cli import main

if __name__ == "__main__":
    main()
