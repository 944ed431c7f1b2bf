"""What the environment says about this installation."""

from pathlib import Path

import pytest

from core.errors import UserError
from core.settings import hub_seconds, load_settings, sign_in_hint

SPACE = {
    "SPACE_ID": "acme/smolfactory", "SPACE_HOST": "acme-smolfactory.hf.space", "SYSTEM": "spaces",
    "OAUTH_CLIENT_ID": "a", "OAUTH_CLIENT_SECRET": "b", "OAUTH_SCOPES": "openid",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        *SPACE,
        "HOST",
        "PORT",
        "SMOLFACTORY_ALLOWED",
        "SMOLFACTORY_PASSWORD",
        "SMOLFACTORY_HUB_SECONDS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMOLFACTORY_HOME", str(tmp_path))


def test_ones_own_machine_is_reached_from_itself_alone(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.home, settings.host, settings.port) == (tmp_path, "127.0.0.1", 7860)
    assert settings.space is None
    assert settings.password is None


def test_a_space_belongs_to_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SPACE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SMOLFACTORY_ALLOWED", " Grace, ada,,")
    settings = load_settings()
    assert settings.host == "0.0.0.0"
    assert settings.space is not None
    assert (settings.space.owner, settings.space.has_sign_in) == ("acme", True)
    assert settings.space.allowed == {"grace", "ada"}


@pytest.mark.parametrize("missing", ["SYSTEM", "OAUTH_CLIENT_SECRET", "OPENID_PROVIDER_URL"])
def test_without_the_platform_there_is_no_sign_in(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name, value in SPACE.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    space = load_settings().space
    assert space is not None
    assert not space.has_sign_in


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "7860.5"])
def test_a_port_is_a_port(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(UserError, match="not a port"):
        load_settings()


def test_a_home_is_a_folder_to_write_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMOLFACTORY_HOME", str(tmp_path / "new" / "home"))
    assert load_settings().home.is_dir()
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/home")):
        monkeypatch.setenv("SMOLFACTORY_HOME", str(home))
        with pytest.raises(UserError, match="can't write to its home folder") as caught:
            load_settings()
        assert "SMOLFACTORY_HOME" in caught.value.hint


def test_how_long_to_wait_for_the_hub_is_a_number_of_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert hub_seconds() == 15
    monkeypatch.setenv("SMOLFACTORY_HUB_SECONDS", "2.5")
    assert hub_seconds() == 2.5
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("SMOLFACTORY_HUB_SECONDS", wrong)
        with pytest.raises(UserError, match="not a number of seconds"):
            hub_seconds()


def test_how_to_sign_in_is_told_as_it_applies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "HF_TOKEN" in sign_in_hint()
    monkeypatch.setenv("SPACE_ID", "acme/smolfactory")
    assert sign_in_hint() == "Sign in with Hugging Face, at the top of the page."
