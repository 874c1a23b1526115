"""Charts as inline SVG: drawn in the light colours, which the page's style replaces in the dark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from pgcredits.output.palette import LIGHT
from pgcredits.printable import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from pgcredits.report.model import Report

#: Every chart is drawn in two widths: the wide one's letters would be too small on a phone.
WIDE, NARROW = 880, 272
HEIGHT = 200
BAR = 34
LABELS = 110

#: A bar that is shorter cannot be told from none.
_VISIBLE_PCT = 2

_OUTCOMES = ("succeeded", "failed", "timed out", "cancelled", "in flight")


@dataclass(frozen=True)
class Chart:
    """A chart in two widths, and what it shows in words."""

    label: str
    legend: tuple[tuple[str, int], ...]
    wide: str
    narrow: str


def charts(report: Report) -> dict[str, Chart]:
    """The charts by the key of their table; a table without rows has none."""
    made = {
        "usage": _outcomes(report),
        "costs": _by_provider(report, "costs", "cost in USD"),
        "refund_rate": _refund_rate(report),
        "reliability": _reliability(report),
        "absorbed": _by_provider(report, "absorbed", "absorbed cost in USD"),
        "balances": _credits(report, "balances", "plan"),
        "liability": _credits(report, "liability", "source"),
    }
    return {key: chart for key, chart in made.items() if chart and report.tables[key].rows}


def _outcomes(report: Report) -> Chart:
    values = [
        {"x": f"{row['day']}", "y": row[name.replace(" ", "_")], "s": name, "o": place}
        for row in report.tables["usage"].dicts()
        for place, name in enumerate(_OUTCOMES)
    ]
    return _stacked(report, values, _OUTCOMES, "generations started by day and outcome")


def _by_provider(report: Report, key: str, what: str) -> Chart:
    rows = report.tables[key].dicts()
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["provider"]] = sums.get(row["provider"], 0) + float(row["cost_usd"] or 0)
    names = sorted(sums)
    if len(names) > len(LIGHT.series):
        # No colour is used twice: the cheapest providers share the last. The table has them all.
        dearest = sorted(names, key=lambda name: (-sums[name], name))
        kept = sorted(dearest[: len(LIGHT.series) - 1])
        others = f"{len(names) - len(kept)} others"
        names = [*kept, others]
    else:
        kept, others = names, ""
    values = [
        {
            "x": f"{row['day']}",
            "y": float(row["cost_usd"] or 0),
            "s": harmless(name),
            "o": names.index(name),
        }
        for row in rows
        for name in [row["provider"] if row["provider"] in kept else others]
    ]
    return _stacked(report, values, tuple(map(harmless, names)), f"{what} by day and provider")


def _stacked(
    report: Report, values: list[dict[str, Any]], names: Sequence[str], label: str
) -> Chart:
    def draw(width: int) -> Any:
        return (
            alt.Chart(_data(values))
            .mark_bar()
            .encode(
                x=_days(report, width),
                y=_amount("y:Q"),
                color=_series(names),
                order=alt.Order("o:Q"),
            )
        )

    return _chart(draw, HEIGHT, label, names)


def _refund_rate(report: Report) -> Chart:
    values = [
        {"x": f"{row['day']}", "y": float(row["refund_rate_pct"]), "t": float(row["target_pct"])}
        for row in report.tables["refund_rate"].dicts()
    ]

    def draw(width: int) -> Any:
        base = alt.Chart(_data(values)).encode(x=_days(report, width))
        rate = base.mark_line(
            color=LIGHT.series[0], strokeWidth=2, point={"color": LIGHT.series[0]}
        )
        target = base.mark_line(color=LIGHT.series[1], strokeDash=[6, 4], strokeWidth=2)
        return alt.layer(target.encode(y=_amount("t:Q")), rate.encode(y=_amount("y:Q")))

    return _chart(
        draw, HEIGHT, "refund rate in percent by day, and its target", ("refund rate %", "target %")
    )


def _reliability(report: Report) -> Chart | None:
    windows = ("24h", "7d", "30d")
    rows = [r for r in report.tables["reliability"].dicts() if r["time_window"] in windows]
    values = [
        {
            "x": float(row["success_rate_pct"] or 0),
            "y": harmless(row["provider"]),
            "s": row["time_window"],
            "t": _instead_of_bar(row["success_rate_pct"]),
        }
        for row in rows
    ]
    if all(row["success_rate_pct"] is None for row in rows):
        return None
    names = {value["y"] for value in values}

    def draw(_width: int) -> Any:
        base = alt.Chart(_data(values)).encode(
            x=_amount("x:Q", alt.X, alt.Scale(domain=[0, 100])),
            y=_names(names),
            yOffset=alt.YOffset("s:N", sort=list(windows)),
        )
        words = base.mark_text(align="left", dx=4, fontSize=11, color=LIGHT.muted)
        return alt.layer(base.mark_bar().encode(color=_series(windows)), words.encode(text="t:N"))

    return _chart(
        draw, BAR * 1.6 * len(names), "success rate in percent by provider and time", windows
    )


def _instead_of_bar(rate: Decimal | None) -> str:
    """What is written where a bar would be too short to be seen, or there is none."""
    if rate is None:
        return "nothing finished"
    return f"{rate.normalize():f} %" if rate < _VISIBLE_PCT else ""


def _credits(report: Report, key: str, by: str) -> Chart:
    sums: dict[str, int] = {}
    for row in report.tables[key].dicts():
        name = harmless(row[by] or f"no {by}")
        sums[name] = sums.get(name, 0) + int(row["outstanding_credits"])
    values = [{"x": total, "y": name} for name, total in sums.items()]

    def draw(_width: int) -> Any:
        return (
            alt.Chart(_data(values))
            .mark_bar(color=LIGHT.series[0])
            .encode(x=_amount("x:Q", alt.X), y=_names(sums))
        )

    return _chart(draw, BAR * len(sums), f"outstanding credits by {by}", ())


def _data(values: list[dict[str, Any]]) -> Any:
    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def _days(report: Report, width: int) -> alt.X:
    days = [f"{day}" for day in report.days]
    step = -(-len(days) // (8 if width == WIDE else 4))
    return alt.X(
        "x:O",
        title=None,
        scale=alt.Scale(domain=days),
        axis=alt.Axis(
            labelAngle=0, labelExpr="slice(datum.label, 5)", values=days[::-1][::step], ticks=False
        ),
    )


def _names(names: Iterable[str]) -> alt.Y:
    # The reader's font may be wider than the one that we measure with.
    extent = min(LABELS, 8 * max(map(len, names), default=0))
    axis = alt.Axis(labelLimit=LABELS, minExtent=extent, ticks=False)
    return alt.Y("y:N", title=None, axis=axis)


def _amount(field: str, axis: Any = alt.Y, scale: Any = alt.Undefined) -> Any:
    # Whole numbers stay whole, and small sums of money keep their digits.
    return axis(field, title=None, scale=scale, axis=alt.Axis(tickCount=4, format=",.6~f"))


def _series(names: Sequence[str]) -> alt.Color:
    colours = [LIGHT.series[place % len(LIGHT.series)] for place in range(len(names))]
    return alt.Color(
        "s:N", legend=None, scale=alt.Scale(domain=list(names), range=colours), sort=list(names)
    )


def _chart(draw: Any, height: float, label: str, names: Sequence[str]) -> Chart:
    wide, narrow = (_svg(draw(width), width, height, label) for width in (WIDE, NARROW))
    return Chart(
        label, tuple((n, i % len(LIGHT.series)) for i, n in enumerate(names)), wide, narrow
    )


def _svg(chart: Any, width: int, height: float, label: str) -> str:
    spec = (
        chart.properties(
            width=width,
            height=height,
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        )
        .configure(font="system-ui, sans-serif", padding=4, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=LIGHT.muted,
            labelFontSize=12,
            gridColor=LIGHT.line,
            domainColor=LIGHT.line,
            tickColor=LIGHT.line,
        )
        .configure_axisX(grid=False)
        .to_dict()
    )
    svg = vl_convert.vegalite_to_svg(spec)
    # One image to a screen reader; the table beside it has the figures.
    return re.sub(r"^<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1)
