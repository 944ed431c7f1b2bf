"""Curves as pictures: drawn here as SVG that stretches with the page, in the page's own colours.

A curve is sent in its own units and scaled by a transform, so that the page's script can read the
exact values back from the picture when somebody points at it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from core.config.methods import METHODS
from core.runs.curves import Point
from core.runs.history import History
from interface.display import words

WIDTH, HEIGHT = 1000, 300
# Few points are drawn as dots too: they stand apart, and a single one makes no line.
MAX_DOTS = 24
MAX_TICKS = 5


@dataclass(frozen=True)
class _Series:
    metric: str
    label: str
    style: str


@dataclass(frozen=True)
class _Panel:
    title: str
    series: tuple[_Series, ...]


def _panels_of_methods() -> Iterator[_Panel]:
    """A panel for each metric that any method logs; those that a run has not are not drawn."""
    metrics = dict.fromkeys(metric for settings in METHODS.values() for metric in settings.metrics)
    for metric in metrics:
        train = _Series(metric.name, "Train", "a")
        yield _Panel(metric.label, (train, _Series(f"eval_{metric.name}", "Eval", "b")))


_PANELS = (
    _Panel("Loss", (_Series("loss", "Train", "a"), _Series("eval_loss", "Eval", "b"))),
    *_panels_of_methods(),
    _Panel("Learning rate", (_Series("learning_rate", "Learning rate", "a"),)),
    _Panel("Gradient norm", (_Series("grad_norm", "Gradient norm", "a"),)),
)


@dataclass(frozen=True)
class _Axis:
    """A range of values, and where it lies along so many pixels."""

    low: float
    high: float
    length: int

    @property
    def scale(self) -> float:
        return self.length / (self.high - self.low)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers inside the range, at most MAX_TICKS of them."""
        rough = (self.high - self.low) / MAX_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def draw(history: History) -> str:
    """The run's curves, or a word on when there will be some."""
    figures = [_figure(panel, history) for panel in _PANELS]
    drawn = "".join(figure for figure in figures if figure)
    if not drawn:
        return '<p class="empty small">Curves appear with the first logged step.</p>'
    return f'<div class="charts">{drawn}</div>'


def _figure(panel: _Panel, history: History) -> str:
    curves = {
        series: history.curves[series.metric].points()
        for series in panel.series
        if series.metric in history.curves
    }
    curves = {series: points for series, points in curves.items() if points}
    if not curves:
        return ""
    values = [value for points in curves.values() for _, value in points]
    steps = [step for points in curves.values() for step, _ in points]
    x = _Axis(low=min(steps), high=max(max(steps), min(steps) + 1), length=WIDTH)
    y = _padded(min(values), max(values))
    legend = "".join(_legend(panel, s, history.latest[s.metric]) for s in curves)
    lines = "".join(_line(series, points) for series, points in curves.items())
    marks = "".join(f"M{x.share(s) * WIDTH:.1f} 0V{HEIGHT}" for s in _resumed(history, x))
    scales = f"{x.scale:.6g} 0 0 {-y.scale:.6g}"
    matrix = f"{scales} {-x.low * x.scale:.6g} {HEIGHT + y.low * y.scale:.6g}"
    return (
        f'<figure class="chart"><figcaption><b>{panel.title}</b>{legend}</figcaption>'
        f'<div class="plot" data-low="{x.low:g}" data-high="{x.high:g}">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(_spoken(panel, curves))}"><path class="grid" d="{_grid(y)}"/>'
        f'<path class="resumed" d="{marks}"/><g transform="matrix({matrix})">{lines}</g></svg>'
        f"{''.join(_labels(x, y))}</div></figure>"
    )


def _padded(low: float, high: float) -> _Axis:
    """A range a little wider than the values, and never empty."""
    span = max(high - low, max(abs(low), abs(high)) * 1e-3, 1e-12)
    middle = (low + high) / 2
    axis = _Axis(low=middle - span * 0.55, high=middle + span * 0.55, length=HEIGHT)
    # What is never negative is not drawn as if it could be.
    return _Axis(low=0.0, high=axis.high, length=HEIGHT) if low >= 0 > axis.low else axis


def _resumed(history: History, x: _Axis) -> list[int]:
    return [step for step in history.resumed_at if x.low < step <= x.high]


def _line(series: _Series, points: list[Point]) -> str:
    d = "M" + "L".join(f"{step} {value:.6g}" for step, value in points)
    drawn = f'<path class="line {series.style}" data-label="{series.label}" d="{d}"/>'
    if len(points) <= MAX_DOTS:
        dots = "".join(f"M{step} {value:.6g}h0" for step, value in points)
        drawn += f'<path class="dots {series.style}" d="{dots}"/>'
    return drawn


def _legend(panel: _Panel, series: _Series, latest: float) -> str:
    name = f"{series.label} " if len(panel.series) > 1 else ""
    return f'<span class="key {series.style}">{name}<output>{words.number(latest)}</output></span>'


def _grid(y: _Axis) -> str:
    return "".join(f"M0 {HEIGHT * (1 - y.share(tick)):.1f}H{WIDTH}" for tick in y.ticks())


def _labels(x: _Axis, y: _Axis) -> Iterator[str]:
    for tick in y.ticks():
        yield f'<span class="y" style="top:{100 * (1 - y.share(tick)):.2f}%">{_tick(tick)}</span>'
    for tick in x.ticks():
        if tick.is_integer():
            left = 100 * x.share(tick)
            yield f'<span class="x" style="left:{left:.2f}%">{words.count(int(tick))}</span>'


def _tick(value: float) -> str:
    # Steps of a scale come with the dust of their arithmetic.
    return words.number(float(f"{value:.6g}"))


def _spoken(panel: _Panel, curves: dict[_Series, list[Point]]) -> str:
    spoken = (
        f"{series.label} from {words.number(points[0][1])} at step {points[0][0]}"
        f" to {words.number(points[-1][1])} at step {points[-1][0]}"
        for series, points in curves.items()
    )
    return f"{panel.title}: {'; '.join(spoken)}"
