"""Rewards: what each gives for an answer, how they are written, and what is refused."""

import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from core.config.methods.grpo import GrpoSettings
from core.config.parse import load_config, parse_config
from core.config.rewards import REWARDS, AnyReward
from core.config.rewards.numeric_match import final_number
from core.config.rewards.reward import Reward, metric_names
from core.errors import InvalidConfig

DEEP = "[" * 100_000


def reward(line: str) -> Reward:
    made: Reward = TypeAdapter(AnyReward).validate_python(line)
    return made


# What each gives, from its line, the answer of the model, and the row's own.
SCORES: list[tuple[str, str, str, float | None]] = [
    ("exact_match", " Paris\n", "paris", 1),
    ("exact_match", "It is Paris", "Paris", 0),
    ("exact_match", "so <answer>New  York</answer> it is", "new york", 1),
    ("exact_match", "<think>Rome?</think> Paris", "Paris", 1),
    ("exact_match", "<answer>Rome</answer><answer>Paris</answer>", "Paris", 1),
    ("exact_match ignore_case=false", "paris", "Paris", 0),
    ("exact_match", "", "Paris", 0),
    ("exact_match", "Paris", " ", None),
    ("numeric_match", "5 and 20 make 25.", "25", 1),
    ("numeric_match", "It costs $1,200", "a sum\n#### 1200", 1),
    ("numeric_match", "#### 7 of 9", "7", 1),
    ("numeric_match", r"so \boxed{3/4}, not 5", "0.75", 1),
    ("numeric_match", r"\boxed{2}", r"\boxed{\frac{1}{2}}", 0),
    ("numeric_match", r"\boxed{-0.5}", r"\boxed{-\dfrac{1}{2}}", 1),
    ("numeric_match", r"\boxed{2\%}", "2", 1),
    ("numeric_match", "2", r"\boxed{\sqrt{2}}", None),
    ("numeric_match", "1e999", "1e998", None),
    ("numeric_match", "the answer is 26", "25", 0),
    ("numeric_match", "I can't tell", "25", 0),
    ("numeric_match", "25", "many", None),
    ("numeric_match tolerance=0.1", "27", "25", 1),
    (r"regex pattern='^\d+$'", "25", "", 1),
    (r"regex pattern='^\d+$'", "25 apples", "", 0),
    ("regex pattern='a.*z'", "a\nz", "", 1),
    ("json_object", '{"a": 1}', "", 1),
    ("json_object", '```json\n{"a": 1}\n```', "", 1),
    ("json_object", "[1]", "", 0),
    ("json_object", '{"a": NaN}', "", 0),
    ("json_object", "{'a': 1}", "", 0),
    ("json_object", DEEP, "", 0),
    ("json_object", '{"a": ' + "9" * 10_000 + "}", "", 0),
    ("json_object required=a,b", '{"a": 1, "b": null}', "", 1),
    ("json_object required=a,b", '{"a": 1}', "", 0.75),
    ("json_object required=a:string", '{"a": 1}', "", 0.5),
    ("json_object required=a:integer", '{"a": true}', "", 0.5),
    ("length min=2 max=4", "one two three", "", 1),
    ("length min=2 max=4", "one", "", 0.5),
    ("length min=2 max=4", "", "", 0),
    ("length min=2 max=4", "one two three four five six", "", 0.5),
    ("length min=2 max=4", "word " * 100, "", 0),
    ("length min=0 max=4", "", "", 1),
    ("length min=1 max=4 unit=characters", "日本語です", "", 0.75),
    ("tags", "<think>hm</think>\n<answer>25</answer>", "", 1),
    ("tags", "<answer>25</answer><think>hm</think>", "", 0.5),
    ("tags", "Well: <think>hm</think><answer>25</answer>", "", 0.5),
    ("tags", "<think></think><answer>25</answer>", "", 0.5),
    ("tags", "<answer>25</answer>", "", 0.25),
    ("tags", "<think><think>hm</think><answer>25</answer>", "", 0.375),
    ("tags", "25", "", 0),
    ("tags tags=sum", "<sum>25</sum>", "", 1),
    ("repetition", "one two three four", "", 0),
    ("repetition", "too short", "", 0),
    ("repetition ngram=1", "no no no no", "", -0.75),
]


@pytest.mark.parametrize(("line", "completion", "answer", "score"), SCORES)
def test_a_reward_gives_what_it_says(
    line: str, completion: str, answer: str, score: float | None
) -> None:
    given = reward(line).score(completion, answer)
    assert given == (None if score is None else pytest.approx(score))


def test_every_reward_says_what_it_gives_and_keeps_within() -> None:
    for name, kind in REWARDS.items():
        assert kind.about().endswith("."), name
        if kind.needs_model:
            assert kind.span() == "any number"
            continue
        given = [s for line, *_, s in SCORES if line.split()[0] == name and s is not None]
        # Both ends are shown above.
        assert (min(given) <= kind.low + 0.25, max(given)) == (True, kind.high), name
        assert all(kind.low <= each <= kind.high for each in given)
        assert kind.needs_answer == any(
            s is None for line, *_, s in SCORES if line.split()[0] == name
        )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("regex pattern='(a+)+$'", "a" * 60 + "b"),
        ("regex pattern='(a|aa)+$'", "a" * 80 + "b"),
        (r"regex pattern='(\w+\s?)*!'", "a" * 200),
        ("json_object", "[{" * 200_000),
        ("json_object", "```\n" + "\n" * 200_000),
        ("exact_match", "<answer>" * 20_000),
        ("numeric_match", "1," * 100_000 + "x"),
        ("numeric_match", "9" * 200_000),
        ("numeric_match", r"\boxed{" * 30_000),
        ("tags", "<think>" * 50_000),
    ],
)
def test_no_answer_takes_long_to_score(line: str, text: str) -> None:
    began = time.process_time()
    assert reward(line).score(text, "2") == 0
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "number"),
    [("−3", -3), ("1e3 m", 1000), ("v2", None), ("50%", 50), ("1/0", None), ("0.5.", 0.5)],
)
def test_a_number_is_read_as_people_write_it(text: str, number: float | None) -> None:
    assert final_number(text) == number


def test_rewards_are_written_as_lines_or_as_sections_and_read_back() -> None:
    lines = [
        r"regex weight=0.5 'pattern=<b>.*</b>'",
        "length min=3",
        "numeric_match",
        "model weight=0.1 id=acme/rm revision=v1.0",
        "model run=20260101-000000-0123abcd",
    ]
    sections = [
        {"name": "regex", "pattern": "<b>.*</b>", "weight": 0.5},
        {"name": "length", "min": 3},
        {"name": "numeric_match"},
        {"name": "model", "id": "acme/rm", "revision": "v1.0", "weight": 0.1},
        {"name": "model", "run": "20260101-000000-0123abcd"},
    ]
    config = parse_config({"method": {"name": "grpo", "rewards": lines}})
    assert config == parse_config({"method": {"name": "grpo", "rewards": sections}})
    assert load_config(config.to_yaml()) == config
    assert isinstance(config.method, GrpoSettings)
    assert [each.line for each in config.method.rewards] == lines


def test_each_reward_has_a_name_of_its_own_in_the_metrics() -> None:
    rewards = [reward(line) for line in ("length", "regex pattern=a", "length max=3", "length")]
    assert metric_names(rewards) == ["length", "regex", "length#2", "length#3"]


@pytest.mark.parametrize(
    ("rewards", "told"),
    [
        ([], "Name at least one."),
        ("length", "Write a list here."),
        (["exact_mach"], "Entry 1: There is no reward 'exact_mach'. Did you mean exact_match?"),
        ([{"weight": 2}], "Entry 1: Say which by its name; there are: exact_match"),
        (["length", "regex"], "Entry 2: pattern: Field required."),
        (["regex pattern=("], "Entry 1: pattern: Invalid regular expression: missing )"),
        (["regex pattern='((a{999}){999}){999}'"], "Entry 1: pattern: This repeats too often"),
        (["regex pattern='" + "(" * 900 + ")" * 99 + "'"], "Entry 1: pattern: Invalid regular"),
        (["length min=5 max=2"], "Entry 1: min is 5, which is more than max, 2."),
        (["length word=2"], "Entry 1: Write a reward, then max=, min=, unit=, weight=, each once"),
        (["length weight=0"], "Entry 1: weight: This should be greater than 0."),
        (["json_object required=a:text"], "Entry 1: required: a can't be of the type 'text'"),
        ([{"name": "tags", "tag": "b"}], "Entry 1: tag: There is no 'tag' here."),
        (["model"], "Entry 1: Name a reward model by id= or by run=, one of them."),
        (["model id=a/b run=20260101-000000-0123abcd"], "Entry 1: Name a reward model by id="),
        (["model id=https://x/y"], "Entry 1: id: "),
        (["model run=../../etc"], "Entry 1: run: "),
        (["length 'max=3"], "Entry 1: This line has an unclosed quote."),
    ],
)
def test_what_makes_no_reward_is_refused_with_the_nearest_that_does(
    rewards: Any, told: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"method": {"name": "grpo", "rewards": rewards}})
    assert list(caught.value.fields) == ["method.rewards"]
    assert caught.value.fields["method.rewards"].startswith(told)


def test_the_answers_of_a_step_are_whole_groups_and_leave_room_for_the_prompt() -> None:
    size = "per_device_train_batch_size"
    refused = [
        ({"num_generations": 3}, {size: 8}, "num_generations", ("set it to 2, or", "to 3.")),
        ({"num_generations": 12}, {size: 8}, "num_generations", ("set it to 8, or", "to 12.")),
        ({"num_generations": 4}, {size: 1}, "num_generations", ("to 4.",)),
        ({"max_completion_length": 1020}, {}, "max_completion_length", ("1,016", "1,028")),
    ]
    for method, training, field, words in refused:
        with pytest.raises(InvalidConfig) as caught:
            parse_config({"method": {"name": "grpo", **method}, "training": training})
        assert list(caught.value.fields) == [f"method.{field}"]
        assert all(each in caught.value.fields[f"method.{field}"] for each in words)
    parse_config({"method": {"name": "grpo", "num_generations": 4}, "training": {
        size: 2, "gradient_accumulation_steps": 2}})  # fmt: skip
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"method": {"name": "grpo", "beta": 0.04}})
    assert "It has grpo_beta." in caught.value.fields["method.beta"]
