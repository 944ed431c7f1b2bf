"""What is told before a run starts of where its result is to go."""

from pathlib import Path

import pytest

from core.config.check import Context
from core.config.parse import parse_config
from core.errors import HubUnreachable
from core.publish.checks import check_push
from core.publish.occupied import Occupied
from tests.core.conftest import NEAR_TOKEN
from tests.hub import HubDouble


def told(name: str, *, home: Path) -> str:
    context = Context(files={}, home=home, token=NEAR_TOKEN, report=lambda _: None)
    config = parse_config({"version": 2, "output": {"push_to_hub": True, "name": name}})
    with pytest.raises((Occupied, HubUnreachable)) as error:
        check_push(config, context)
    return str(error.value)


def test_a_chosen_name_that_is_taken_is_refused(near_hub: HubDouble, tmp_path: Path) -> None:
    near_hub.add_repo(repo_id="ada/mine", files={"a": b"a"}, private=True)
    assert "Choose another name" in told("mine", home=tmp_path)


def test_a_hub_that_limits_requests_is_not_said_to_be_away(
    near_hub: HubDouble, tmp_path: Path
) -> None:
    near_hub.fail(path="/whoami-v2", status=429, headers={"Retry-After": "3600"}, times=None)
    words = told("bot", home=tmp_path)
    assert "unknown whether you may push. The Hub is limiting the rate" in words
    assert "The Hub says: Arranged" in words
    assert "push later" in words
