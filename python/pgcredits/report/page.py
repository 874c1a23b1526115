"""The report as one HTML file, which needs neither network nor script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.output.errors import ReportError
from pgcredits.output.html import render
from pgcredits.report.formatting import moment, shown

if TYPE_CHECKING:
    from pgcredits.report.model import Report


def to_html(report: Report) -> str:
    """The whole page.

    Raises:
        ReportError: The packages that draw it are not installed.
    """
    try:
        from markupsafe import Markup

        from pgcredits.report.charts import charts

        return render(
            "pgcredits.report",
            "report.html.j2",
            report=report,
            charts=charts(report),
            shown=lambda value, kind: shown(value, kind, report.today),
            moment=moment,
            # The chart library made this SVG, and escapes what it is given.
            svg=lambda text: Markup(text),  # noqa: S704
        )
    except ImportError as error:
        raise ReportError(
            f"the HTML report needs a package that is not installed: {error.name}",
            "Install it: pip install 'pgcredits[report]'",
        ) from None
