"""Small pictures for the metadata of assets, as SVG inside Markdown: the UI shows them without any plotting library."""

import base64
from collections.abc import Sequence
from xml.sax.saxutils import escape

BAR = 18
LABEL = 180
LONGEST = 360


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> str:
    """Markdown with one horizontal bar for each (label, value ≥ 0), in the order given."""
    most = max((value for _, value in bars), default=0) or 1
    height = BAR * (len(bars) + 1) + 8
    rows = [
        f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{LABEL}" y="{y + 2}" width="{max(1, round(LONGEST * value / most))}" height="{BAR - 6}" rx="2"/>'
        f'<text x="{LABEL + round(LONGEST * value / most) + 6}" y="{y + 12}">{value:,.0f}</text>'
        for y, (label, value) in ((BAR * (index + 1), bar) for index, bar in enumerate(bars))
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + LONGEST + 80}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="#4f43dd"><text x="0" y="12" fill="#555">{escape(title)}</text>'
        + "".join(rows).replace("<text", '<text fill="#555"')
        + "</svg>"
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
