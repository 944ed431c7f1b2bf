"""Curves as pictures: any numbers that a run can report are drawn, and none breaks the page."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from core.config.methods.dpo import DpoSettings
from core.config.methods.sft import SftSettings
from core.runs.curves import Curve
from core.runs.history import History
from interface.runs import charts


def history(**curves: list[tuple[int, float]]) -> History:
    made = History(path=Path("events.jsonl"))
    for name, points in curves.items():
        made.curves[name] = Curve()
        for step, value in points:
            made.curves[name].add(step, value)
            made.latest[name] = value
    return made


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0.0)],
        [(5, 2.5)],
        [(1, 0.0), (2, 0.0)],
        [(1, -3.0), (2, -3.0)],
        [(1, 1e-12), (2, 2e-12)],
        [(1, 1e30), (2, -1e30)],
        [(1, 2.30000001), (2, 2.3)],
        [(step, 1 / (step + 1)) for step in range(5000)],
    ],
)
def test_any_curve_is_drawn(points: list[tuple[int, float]]) -> None:
    drawn = charts.draw(history(loss=points))
    assert "nan" not in drawn
    assert "inf" not in drawn
    ET.fromstring(drawn)


def test_the_exact_values_are_in_the_picture() -> None:
    drawn = charts.draw(history(loss=[(1, 2.5), (2, 1.25)]))
    assert re.search(r'class="line a"[^>]* d="M1 2.5L2 1.25"', drawn)


def test_training_and_evaluation_share_a_picture() -> None:
    drawn = charts.draw(history(loss=[(1, 2.0), (2, 1.0)], eval_loss=[(2, 1.1)]))
    assert drawn.count("<figure") == 1
    assert "Train <output>1</output>" in drawn
    assert "Eval <output>1.1</output>" in drawn


def test_the_methods_own_measure_comes_right_after_the_loss() -> None:
    points = [(1, 0.5)]
    logged = ("grad_norm", "mean_token_accuracy", "rewards/accuracies", "learning_rate", "loss")
    drawn = charts.draw(history(**dict.fromkeys(logged, points)), DpoSettings.metrics)
    titles = re.findall("<figcaption><b>([^<]+)", drawn)
    assert titles == ["Loss", "Reward accuracy", "Token accuracy", "Learning rate", "Gradient norm"]


def test_axis_and_lines_say_what_they_are() -> None:
    made = history(loss=[(1, 2.0), (30, 1.0)])
    assert "resumed at" not in charts.draw(made)
    made.resumed_at = [20, 25]
    drawn = charts.draw(made)
    assert ">resumed at step 20, 25<" in drawn
    assert ">Step<" in drawn


def test_an_empty_run_says_when_there_will_be_curves() -> None:
    assert "first logged step" in charts.draw(history())


def test_a_million_points_stay_small() -> None:
    metrics = ("loss", "learning_rate", "grad_norm", "mean_token_accuracy", "eval_loss")
    points = [(step, (step * 7919 % 1000) / 997) for step in range(20_000)]
    drawn = charts.draw(history(**dict.fromkeys(metrics, points)), SftSettings.metrics)
    assert len(drawn) < 150_000
