"""Start the benchmark: `python tests/bench/run.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.program import main

if __name__ == "__main__":
    sys.exit(main())
