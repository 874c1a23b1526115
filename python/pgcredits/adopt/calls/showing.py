"""Places in source on the terminal, and for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pgcredits.adopt.calls.contexts import Use
from pgcredits.printable import harmless, printable

if TYPE_CHECKING:
    from rich.console import Console

    from pgcredits.adopt.calls.searching import Place, Search

VERSION = 1
_VERBS = {
    Use.READ: "reads",
    Use.WRITE: "writes",
    Use.CALL: "calls",
    Use.MODEL: "maps",
    Use.NAME: "names",
    Use.GENERATED: "made by a program, names",
}


def show(out: Console, err: Console, found: Search) -> None:
    """Print a line for each place, and one more where a call replaces it."""
    for place in found.left:
        what = place.name
        if place.what == "OldTable" and place.columns:
            what += f" ({', '.join(place.columns)})"
        _line(out, f"{place.file}:{place.line}: {_VERBS[place.use]} {what}: {place.becomes}")
        if place.instead:
            _line(out, f"    {place.instead}")
    for one in found.passed_over:
        _line(err, f"not read: {one.file}: {one.because}")
    uses = found.uses
    counts = ", ".join(f"{_VERBS[use]} {uses[use]:,}" for use in _VERBS if uses[use])
    said = f"files read: {found.files:,}, places left: {len(found.left):,}"
    if counts:
        said += f" ({counts})"
    if uses[Use.DEFINITION]:
        said += f"; in definitions, where nothing is to do: {uses[Use.DEFINITION]:,}"
    _line(out, said)


def _line(out: Console, text: str) -> None:
    out.print(printable(text), markup=False, highlight=False)


def as_json(found: Search) -> dict[str, Any]:
    """The places as a document for scripts."""
    return {
        "version": VERSION,
        "files": found.files,
        "left": len(found.left),
        "places": [_place(place) for place in found.places],
        "passed_over": [asdict(one) for one in found.passed_over],
    }


def _place(place: Place) -> dict[str, Any]:
    told = {**asdict(place), "use": place.use.value, "text": harmless(place.text)}
    del told["what"]
    return told
