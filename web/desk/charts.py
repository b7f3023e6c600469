"""Charts as SVG: takes figures and words, gives markup that needs no script and no style of its own.

What a chart shows is said in words as well: a picture has a text in its place, and what has many figures a table beside
it. Colours are those of desk.css.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil

from markupsafe import Markup, escape

SPARK_HEIGHT, SPARK_STEP = 22, 4
CHART_WIDTH, CHART_HEIGHT = 720, 180
LEFT, TOP, BOTTOM = 34, 10, 22  # room for what stands on the axes
SQUARE, NAMES, HOURS_HEIGHT = 24, 44, 18
LEVELS = 5  # of a square: none, and four shades
NICE = (1, 2, 5, 10)


def sparkline(values: Sequence[int], text: str) -> Markup:
    """A small row of bars, a day each. Some 5 µs."""
    most = max(values, default=0) or 1
    head, places = _spark(len(values))
    full = SPARK_HEIGHT - 2
    bars = "".join(
        [f"{place}{full * value // most or 1}" for place, value in zip(places, values, strict=True) if value]
    )
    return Markup(f'<svg class="spark" role="img" aria-label="{escape(text)}" {head}<path d="{bars}"/></svg>')  # noqa: S704 - made of numbers, and escaped


@cache
def _spark(count: int) -> tuple[str, tuple[str, ...]]:
    """What all sparklines of so many days have in common, and how the bar of each day begins."""
    width, height = SPARK_STEP * count, SPARK_HEIGHT
    ground = f'<path class="ground" d="M0 {height}.5h{width}"/>'
    head = f'viewBox="0 0 {width} {height + 1}" width="{width}" height="{height + 1}">{ground}'
    return head, tuple(f"M{SPARK_STEP * place + 2} {height}v-" for place in range(count))


def bars(values: Sequence[int], names: Sequence[str], marks: Sequence[tuple[int, str]], text: str) -> Markup:
    """Bars with axes: what each is called, and what stands below some of them, by place."""
    top = _round_top(max(values, default=0))
    step = (CHART_WIDTH - LEFT) / max(len(values), 1)
    high = CHART_HEIGHT - TOP - BOTTOM
    ground = CHART_HEIGHT - BOTTOM
    parts = [
        f'<path class="ground" d="M{LEFT} {ground}.5H{CHART_WIDTH}M{LEFT} {TOP}.5H{CHART_WIDTH}"/>',
        f'<text x="{LEFT - 6}" y="{TOP + 5}" text-anchor="end">{top}</text>',
        f'<text x="{LEFT - 6}" y="{ground + 4}" text-anchor="end">0</text>',
        *(f'<text x="{LEFT + place * step:.1f}" y="{CHART_HEIGHT - 5}">{escape(name)}</text>' for place, name in marks),
    ]
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        height = high * value / top
        parts.append(
            f'<rect x="{LEFT + place * step + 0.5:.1f}" y="{ground - height:.1f}" width="{max(step - 1, 1):.1f}"'
            f' height="{height:.1f}"><title>{escape(name)}</title></rect>'
        )
    return _picture("chart", CHART_WIDTH, CHART_HEIGHT, text, parts)


def week(hours: Sequence[float], days: Sequence[str], text: str) -> Markup:
    """The hours of a week as squares, the more the darker; `days` are the names of its days, the first hour's first."""
    most = max(hours, default=0.0) or 1.0
    parts = [f'<text x="{NAMES + hour * SQUARE}" y="12">{hour}</text>' for hour in range(0, 24, 6)]
    for day, name in enumerate(days):
        above = HOURS_HEIGHT + day * SQUARE
        parts.append(f'<text x="0" y="{above + 16}">{escape(name)}</text>')
        for hour, value in enumerate(hours[24 * day : 24 * day + 24]):
            level = ceil((LEVELS - 1) * value / most) if value > 0 else 0
            parts.append(
                f'<rect class="level-{level}" x="{NAMES + hour * SQUARE}" y="{above}" width="{SQUARE - 2}"'
                f' height="{SQUARE - 2}"/>'
            )
    return _picture("week", NAMES + 24 * SQUARE, HOURS_HEIGHT + len(days) * SQUARE, text, parts)


def _picture(kind: str, width: int, height: int, text: str, parts: Sequence[str]) -> Markup:
    size = f'role="img" aria-label="{escape(text)}" viewBox="0 0 {width} {height}"'
    return Markup(f'<svg class="{kind}" {size}>{"".join(parts)}</svg>')  # noqa: S704 - made of numbers, and escaped


def _round_top(most: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50 … that is not less."""
    scale = 1
    while True:
        for each in NICE:
            if each * scale >= most:
                return each * scale
        scale *= 10
