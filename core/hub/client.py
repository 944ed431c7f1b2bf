"""The Hub's client and address. Nothing else constructs a client, and no address is written out.

How a token travels: within a process it is a `SecretStr` that is passed as a parameter. A child
process gets it as HF_TOKEN, in an environment made by `core.machine.environment`, and only where it
needs one; `core.settings.token_of_this_process` reads it there. Libraries that talk to the Hub by
themselves (transformers, datasets, trackio) read the same variable.
"""

from huggingface_hub import HfApi, constants, set_client_factory
from pydantic import SecretStr

from core.hub.transport import hub_session

# For libraries that talk to the Hub by themselves, too.
set_client_factory(hub_session)


def hub_client(token: SecretStr | None) -> HfApi:
    """A client that acts with this token; without one it is anonymous.

    It never falls back to the token that this machine is logged in with.
    """
    return HfApi(token=token.get_secret_value() if token else False)


def hub_endpoint() -> str:
    """The Hub's address, without a slash at the end: HF_ENDPOINT where it is set."""
    return constants.ENDPOINT


def is_default_hub() -> bool:
    """Whether that is where everybody's libraries look by themselves: huggingface.co."""
    return hub_endpoint() == constants._HF_DEFAULT_ENDPOINT
