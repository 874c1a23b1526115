"""The command line, run within this process: to start it takes longer than most of what it does.

What is about the process itself (signals, terminals, packages that are missing) starts a real one.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from pgcredits.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def pgcredits(
    *arguments: str,
    dsn: str | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` would.

    Args:
        arguments: Those of the command line, without the program's name.
        dsn: For PGCREDITS_DSN, which is else not set.
        folder: Where it runs, if not here.
        environment: Further variables by name.
    """
    before, argv = dict(os.environ), sys.argv
    out, err = io.StringIO(), io.StringIO()
    os.environ.pop("PGCREDITS_DSN", None)
    # All databases of the tests are on one server.
    os.environ["PGCREDITS_SHARE_ROLES"] = "1"
    os.environ.update(environment or {})
    if dsn is not None:
        os.environ["PGCREDITS_DSN"] = dsn
    sys.argv = ["pgcredits", *arguments]
    try:
        with chdir(folder or "."), redirect_stdout(out), redirect_stderr(err):
            status = _exit_status()
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)
    return subprocess.CompletedProcess(list(arguments), status, out.getvalue(), err.getvalue())


def _exit_status() -> int:
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    except Exception:
        traceback.print_exc()
    return 1
