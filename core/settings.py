"""What the environment says about this installation, read in one place."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from pydantic import SecretStr

from core.errors import UserError

DEFAULT_PORT = 7860
DEFAULT_HUB_SECONDS = 15.0
SIGN_IN_VARIABLES = (
    "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL",
)  # fmt: skip


@dataclass(frozen=True)
class Space:
    """The Hugging Face Space that this process runs on."""

    id: str
    owner: str
    host: str
    # Without the platform's OAuth, Gradio's sign-in is a mock: the cookie is signed with a key that
    # everyone knows, or everyone is signed in as the account of this machine's own token.
    has_sign_in: bool
    # Who may use it besides its owner, in lower case.
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settings:
    """Where this installation keeps its files, where it listens, and on whose behalf it acts."""

    home: Path
    host: str
    port: int
    token: SecretStr | None
    # Asked for wherever it is set, and needed where the page can be reached from elsewhere.
    password: SecretStr | None
    space: Space | None
    # Further names that this machine is reached under, in lower case.
    hosts: frozenset[str] = frozenset()


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises UserError when PORT is not a port, or the home is no folder to write to.
    """
    space = _space()
    password = os.environ.get("SMOLFACTORY_PASSWORD")
    home = os.environ.get("SMOLFACTORY_HOME") or platformdirs.user_data_dir("smolfactory")
    # A Space is reached through the platform's proxy, so it must listen on every interface.
    default_host = "0.0.0.0" if space else "127.0.0.1"  # noqa: S104
    return Settings(
        home=_folder(Path(home).expanduser().resolve()),
        host=os.environ.get("HOST") or default_host,
        port=_port(os.environ.get("PORT") or str(DEFAULT_PORT)),
        token=token_of_this_process(),
        password=SecretStr(password) if password else None,
        space=space,
        hosts=_names(os.environ.get("SMOLFACTORY_HOSTS")),
    )


def token_of_this_process() -> SecretStr | None:
    """The Hugging Face token of whoever started this process, if there is one.

    A child that was started without one has none: it does not see what `hf auth login` has stored.
    """
    from huggingface_hub import get_token

    token = get_token()
    return SecretStr(token) if token else None


def sign_in_hint() -> str:
    """How a person gives this installation a token."""
    if os.environ.get("SPACE_ID"):
        return "Sign in with Hugging Face, at the top of the page."
    return "Set HF_TOKEN, or run 'hf auth login', and start SmolFactory again."


def hub_seconds() -> float:
    """How long to wait for the first sign of an answer of the Hub.

    Raises UserError when SMOLFACTORY_HUB_SECONDS is no number of seconds.
    """
    text = os.environ.get("SMOLFACTORY_HUB_SECONDS") or str(DEFAULT_HUB_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UserError(
            f"SMOLFACTORY_HUB_SECONDS is {text!r}, which is not a number of seconds.",
            hint="Use a number above 0.",
        )
    return seconds


def _space() -> Space | None:
    space_id = os.environ.get("SPACE_ID")
    if not space_id:
        return None
    return Space(
        id=space_id,
        owner=space_id.split("/")[0],
        host=os.environ.get("SPACE_HOST", ""),
        has_sign_in=os.environ.get("SYSTEM") == "spaces"
        and all(os.environ.get(name) for name in SIGN_IN_VARIABLES),
        allowed=_names(os.environ.get("SMOLFACTORY_ALLOWED")),
    )


def _folder(home: Path) -> Path:
    try:
        home.mkdir(parents=True, exist_ok=True)
        problem = None if os.access(home, os.W_OK | os.X_OK) else "it can't be written to"
    except OSError as error:
        problem = f"{error.strerror}"
    if problem:
        raise UserError(
            f"SmolFactory can't write to its home folder {home}: {problem}.",
            hint="Set SMOLFACTORY_HOME to a folder that you can write to.",
        )
    return home


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UserError(
            f"PORT is {text!r}, which is not a port.", hint="Use a number from 1 to 65535."
        )
    return int(text)


def _names(listed: str | None) -> frozenset[str]:
    """Names with commas between, in lower case."""
    return frozenset(name.strip().lower() for name in (listed or "").split(",") if name.strip())
