"""Who is asked for a password."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import UserError
from core.settings import Settings, Space
from interface.access.listener import credentials

LONG = "correct horse"
SPACE = Space(id="acme/smolfactory", owner="acme", host="acme.hf.space", has_sign_in=True)


def settings(*, host: str, password: str | None, space: Space | None = None) -> Settings:
    secret = SecretStr(password) if password else None
    return Settings(
        home=Path("home"), host=host, port=7860, token=None, password=secret, space=space
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_password_that_is_set_is_asked_for(host: str) -> None:
    assert credentials(settings(host=host, password=LONG)) == ("admin", LONG)


def test_none_is_asked_for_on_ones_own_machine_and_on_a_space() -> None:
    assert credentials(settings(host="127.0.0.1", password=None)) is None
    assert credentials(settings(host="0.0.0.0", password=LONG, space=SPACE)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_short_password_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="fewer than 8 characters") as caught:
        credentials(settings(host=host, password="hunter7"))
    assert "hunter7" not in str(caught.value)


def test_an_open_address_needs_one() -> None:
    with pytest.raises(UserError, match="anyone who reaches this machine") as caught:
        credentials(settings(host="0.0.0.0", password=None))
    assert "SMOLFACTORY_PASSWORD" in caught.value.hint
