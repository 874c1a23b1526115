"""The colours of the page: readable on their background in both schemes (a test computes it)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """A set of colours; `series` are those of charts, in their order."""

    background: str
    card: str
    text: str
    muted: str
    line: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]


LIGHT = Scheme(
    background="#f5f6f8",
    card="#ffffff",
    text="#1a2230",
    muted="#56606f",
    line="#d9dee6",
    good="#176b3a",
    warn="#8a5200",
    bad="#b3261e",
    series=("#2a62c4", "#c2410c", "#7c4dbd", "#697384", "#0c7f7a", "#a8327f"),
)
DARK = Scheme(
    background="#10141b",
    card="#181e28",
    text="#e7ebf1",
    muted="#a3adbb",
    line="#333d4b",
    good="#67d391",
    warn="#f0b454",
    bad="#ff8f85",
    series=("#78a9ff", "#ff9a5c", "#bf9bff", "#95a1b3", "#4fc9c1", "#f58ccb"),
)


def contrast(one: str, other: str) -> float:
    """The contrast of two #rrggbb colours as WCAG 2.2 defines it: 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
