"""What a child process is told: named variables, and a token only where it needs one."""

import os

import pytest
from pydantic import SecretStr

from core.machine.environment import allowed_environment


def test_no_secret_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_TOKEN",
        "OAUTH_CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "SMOLFACTORY_PASSWORD",
    ):
        monkeypatch.setenv(name, "a-secret")
    environment = allowed_environment(token=None)
    assert "a-secret" not in environment.values()
    # Nor is the person's own token file read.
    assert environment["HF_TOKEN_PATH"] == os.devnull


def test_a_token_is_given_to_whom_it_is_meant_for() -> None:
    token = SecretStr("hf_mine")
    environment = allowed_environment(token=token)
    assert environment["HF_TOKEN"] == "hf_mine"
    assert "HF_TOKEN_PATH" not in environment


def test_where_the_hub_is_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert allowed_environment(token=None)["HF_ENDPOINT"] == "http://127.0.0.1:9"
