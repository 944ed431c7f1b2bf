"""Curves of any length, drawn with few points and no extreme lost."""

import random

import pytest

from core.runs.curves import MAX_POINTS, Curve

LENGTH = 1_000_000
# Each in a neighbourhood of its own.
SPIKES = {step: 50.0 + step / LENGTH for step in range(33_333, LENGTH, 50_000)}
DIPS = {step + 7_000: -value for step, value in SPIKES.items()}


@pytest.fixture(scope="module")
def values() -> list[float]:
    chance = random.Random(0)
    made = [chance.random() for _ in range(LENGTH)]
    for step, value in (SPIKES | DIPS).items():
        made[step] = value
    return made


@pytest.fixture(scope="module")
def long_curve(values: list[float]) -> Curve:
    curve = Curve()
    for step, value in enumerate(values):
        curve.add(step, value)
    return curve


def curve_of(points: list[tuple[int, float]]) -> Curve:
    curve = Curve()
    for step, value in points:
        curve.add(step, value)
    return curve


def test_a_million_points_become_a_thousand(long_curve: Curve, values: list[float]) -> None:
    points = long_curve.points()
    assert MAX_POINTS == 1000
    assert 100 < len(points) <= MAX_POINTS
    assert all(values[step] == value for step, value in points)
    steps = [step for step, _ in points]
    assert steps == sorted(set(steps))


def test_ends_and_extremes_stay(long_curve: Curve, values: list[float]) -> None:
    points = long_curve.points()
    assert points[0] == (0, values[0])
    assert points[-1] == (LENGTH - 1, values[-1])
    shown = dict(points)
    assert max(shown.values()) == max(values)
    assert min(shown.values()) == min(values)
    assert {step: shown.get(step) for step in SPIKES} == SPIKES
    assert {step: shown.get(step) for step in DIPS} == DIPS


def test_the_limits_hold_while_it_grows() -> None:
    curve, chance, values = Curve(), random.Random(1), []
    for step in range(5000):
        values.append(chance.gauss(0, 1))
        curve.add(step, values[-1])
        if step % 7 == 0 or 995 < step < 1005:
            points = curve.points()
            assert len(points) <= MAX_POINTS
            assert points[0] == (0, values[0])
            assert points[-1] == (step, values[-1])
            assert max(value for _, value in points) == max(values)
            assert min(value for _, value in points) == min(values)


@pytest.mark.parametrize("length", [0, 1, 2, 999, 1000])
def test_a_short_curve_is_exact(length: int) -> None:
    points = [(step * 10, float(-step % 17)) for step in range(length)]
    assert curve_of(points).points() == points


def test_a_flat_curve_keeps_its_ends() -> None:
    points = curve_of([(step, 0.0) for step in range(10_000)]).points()
    assert len(points) <= MAX_POINTS
    assert points[0] == (0, 0.0)
    assert points[-1] == (9_999, 0.0)


def test_what_lies_after_a_cut_is_gone() -> None:
    curve = curve_of([(step, float(step)) for step in range(1, 101)])
    curve.cut(after=40)
    assert curve.points() == [(step, float(step)) for step in range(1, 41)]
    curve.add(41, -1.0)
    assert curve.points()[-2:] == [(40, 40.0), (41, -1.0)]
    curve.cut(after=0)
    assert curve.points() == []
    curve.add(1, 5.0)
    assert curve.points() == [(1, 5.0)]


def test_a_long_curve_goes_on_after_a_cut() -> None:
    curve = curve_of([(step, float(step % 100)) for step in range(50_000)])
    before = curve.points()
    curve.cut(after=20_000)
    assert curve.points() == [point for point in before if point[0] <= 20_000]
    for step in range(20_001, 60_000):
        curve.add(step, 100.0 if step == 30_000 else 0.0)
    points = curve.points()
    assert len(points) <= MAX_POINTS
    assert points == sorted(points)
    assert points[0] == (0, 0.0)
    assert (30_000, 100.0) in points
    assert points[-1] == (59_999, 0.0)
