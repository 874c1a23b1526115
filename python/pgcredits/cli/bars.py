"""Progress bars for long work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from pgcredits.cli.console import err

if TYPE_CHECKING:
    from typing import Self

    from rich.progress import TaskID


class Bars:
    """Progress bars on stderr, where that is a terminal: one for each scene."""

    def __init__(self) -> None:
        """Begin with no scene."""
        self._progress = Progress(
            SpinnerColumn(finished_text="+"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._current: TaskID | None = None

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, error: object, *_: object) -> None:
        """End the bars; the last scene counts as done unless an error broke it off."""
        if error is None:
            self._finish()
        self._progress.stop()

    def scene(self, title: str, steps: int | None = None) -> None:
        """Begin the next scene; one without a number of steps takes only a moment."""
        self._finish()
        self._current = self._progress.add_task(title, total=steps)

    def reach(self, steps: int) -> None:
        """Note that so many steps of the scene are done."""
        if self._current is not None:
            self._progress.update(self._current, completed=steps)

    def _finish(self) -> None:
        if self._current is not None:
            done = next(t for t in self._progress.tasks if t.id == self._current)
            total = done.total or 1
            self._progress.update(self._current, total=total, completed=total)
