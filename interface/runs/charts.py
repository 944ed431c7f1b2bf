"""Curves as pictures: drawn here as SVG that stretches with the page, in the page's own colours.

A curve is sent in its own units and scaled by a transform, so that the page's script can read the
exact values back from the picture when somebody points at it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.config.methods.settings import MethodMetric
from core.runs.curves import Point
from core.runs.history import History
from interface.display import words
from interface.display.render import render

WIDTH, HEIGHT = 1000, 300
# Few points are drawn as dots too: they stand apart, and a single one makes no line.
MAX_DOTS = 24
MAX_TICKS = 5
# What differs by less is noise, such as the loss of a method that starts each step at 0.
LEAST_SPAN = 1e-7


@dataclass(frozen=True)
class _Series:
    metric: str
    label: str
    style: str


@dataclass(frozen=True)
class _Panel:
    title: str
    series: tuple[_Series, ...]


def _panels(metrics: Iterable[MethodMetric]) -> Iterator[_Panel]:
    """All charts of a run in their order; those that it has no values for are not drawn."""
    for name, title in (("loss", "Loss"), *((metric.name, metric.label) for metric in metrics)):
        train = _Series(name, "Train", "a")
        yield _Panel(title, (train, _Series(f"eval_{name}", "Eval", "b")))
    yield _Panel("Learning rate", (_Series("learning_rate", "Learning rate", "a"),))
    yield _Panel("Gradient norm", (_Series("grad_norm", "Gradient norm", "a"),))


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


@dataclass(frozen=True)
class _Line:
    """A curve: its path in its own units, and its points as a path of dots where they are few."""

    label: str
    style: str
    latest: float
    path: str
    dots: str


@dataclass(frozen=True)
class _Tick:
    """A number beside a chart, so many percent along its axis."""

    at: str
    text: str


@dataclass(frozen=True)
class _Figure:
    """A chart, ready to be drawn. `grid` and `resumed` are paths in pixels."""

    title: str
    names_lines: bool
    low: str
    high: str
    spoken: str
    grid: str
    resumed: str
    resumed_at: list[int]
    matrix: str
    lines: list[_Line]
    x_ticks: list[_Tick]
    y_ticks: list[_Tick]


def draw(history: History, metrics: Iterable[MethodMetric] = ()) -> str:
    """The run's curves, its method's metrics among them, or a word on when there will be some."""
    drawn = (_figure(panel, history) for panel in _panels(metrics))
    figures = [figure for figure in drawn if figure is not None]
    return render("runs/charts.html", figures=figures, width=WIDTH, height=HEIGHT)


def _figure(panel: _Panel, history: History) -> _Figure | None:
    curves = {
        series: history.curves[series.metric].points()
        for series in panel.series
        if series.metric in history.curves
    }
    curves = {series: points for series, points in curves.items() if points}
    if not curves:
        return None
    values = [value for points in curves.values() for _, value in points]
    steps = [step for points in curves.values() for step, _ in points]
    x = _Axis(low=min(steps), high=max(max(steps), min(steps) + 1), length=WIDTH)
    y = _padded(min(values), max(values))
    resumed = _resumed(history, x)
    scales = f"{x.scale:.6g} 0 0 {-y.scale:.6g}"
    return _Figure(
        title=panel.title,
        names_lines=len(panel.series) > 1,
        low=f"{x.low:g}",
        high=f"{x.high:g}",
        spoken=_spoken(panel, curves),
        grid="".join(f"M0 {HEIGHT * (1 - y.share(tick)):.1f}H{WIDTH}" for tick in y.ticks()),
        resumed="".join(f"M{x.share(s) * WIDTH:.1f} 0V{HEIGHT}" for s in resumed),
        resumed_at=resumed,
        matrix=f"{scales} {-x.low * x.scale:.6g} {HEIGHT + y.low * y.scale:.6g}",
        lines=[_line(s, points, history.latest[s.metric]) for s, points in curves.items()],
        x_ticks=[
            _Tick(f"{100 * x.share(tick):.2f}", words.count(int(tick)))
            for tick in x.ticks()
            if tick.is_integer()
        ],
        y_ticks=[_Tick(f"{100 * (1 - y.share(tick)):.2f}", _round(tick)) for tick in y.ticks()],
    )


def _padded(low: float, high: float) -> _Axis:
    """A range a little wider than the values, and never empty."""
    size = max(abs(low), abs(high))
    # A flat line is drawn as one: what is a thousandth of it would fill the chart else.
    span = max(high - low, size * 1e-3, LEAST_SPAN) if high > low else size or 1.0
    middle = (low + high) / 2
    axis = _Axis(low=middle - span * 0.55, high=middle + span * 0.55, length=HEIGHT)
    # What is never negative is not drawn as if it could be.
    return _Axis(low=0.0, high=axis.high, length=HEIGHT) if low >= 0 > axis.low else axis


def _resumed(history: History, x: _Axis) -> list[int]:
    return [step for step in history.resumed_at if x.low < step <= x.high]


def _line(series: _Series, points: list[Point], latest: float) -> _Line:
    dots = points if len(points) <= MAX_DOTS else []
    return _Line(
        label=series.label,
        style=series.style,
        latest=latest,
        path="M" + "L".join(f"{step} {value:.6g}" for step, value in points),
        dots="".join(f"M{step} {value:.6g}h0" for step, value in dots),
    )


def _round(value: float) -> str:
    # Steps of a scale come with the dust of their arithmetic.
    return words.number(float(f"{value:.6g}"))


def _spoken(panel: _Panel, curves: dict[_Series, list[Point]]) -> str:
    spoken = (
        f"{series.label} from {words.number(points[0][1])} at step {points[0][0]}"
        f" to {words.number(points[-1][1])} at step {points[-1][0]}"
        for series, points in curves.items()
    )
    return f"{panel.title}: {'; '.join(spoken)}"
