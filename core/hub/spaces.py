"""The Hugging Face Space that we run on: its hardware and price, its copies, and its pause."""

from dataclasses import dataclass
from typing import cast

from huggingface_hub import SpaceHardware
from pydantic import SecretStr

from core.errors import TokenRefused, UserError
from core.hub.client import hub_client
from core.hub.errors import hub_errors

UNITS_AN_HOUR = {"second": 3600.0, "minute": 60.0, "hour": 1.0}
FREE = "cpu-basic"


@dataclass(frozen=True)
class Hardware:
    """Hardware for Spaces; the price is in US dollars an hour."""

    name: str
    label: str
    accelerator: str
    price: float


@dataclass(frozen=True)
class SpaceLook:
    """How a Space is set up. `sleep_seconds` is None where it sleeps as the platform decides."""

    private: bool
    hardware: str | None
    requested: str | None
    sleep_seconds: int | None


def look(space_id: str, *, token: SecretStr | None) -> SpaceLook:
    """Raises UserError when the Hub refuses or gives no answer."""
    api = hub_client(token)
    with hub_errors(f"the Space {space_id}"):
        runtime = api.get_space_runtime(space_id)
        info = api.space_info(space_id)
    return SpaceLook(
        private=bool(info.private),
        hardware=runtime.hardware,
        requested=runtime.requested_hardware,
        sleep_seconds=runtime.sleep_time,
    )


def hardware_choices() -> list[Hardware]:
    """The hardware that Spaces can run on now, the cheapest first.

    Raises UserError when the Hub gives no answer.
    """
    with hub_errors("the hardware of Spaces"):
        listed = hub_client(None).list_spaces_hardware()
    found = [
        Hardware(
            name=each.name,
            label=each.pretty_name,
            accelerator=f"{each.accelerator.model}, {each.accelerator.vram}"
            if each.accelerator
            else "",
            price=each.unit_cost_usd * UNITS_AN_HOUR[each.unit_label],
        )
        for each in listed
        if each.unit_label in UNITS_AN_HOUR
    ]
    return sorted(found, key=lambda hardware: hardware.price)


def request_hardware(space_id: str, name: str, *, token: SecretStr | None) -> None:
    """Ask for other hardware; the Space is built anew on it.

    Raises UserError when the Hub refuses.
    """
    try:
        with hub_errors(f"the hardware of {space_id}"):
            # The client's own list of names lags behind the Hub's.
            hub_client(token).request_space_hardware(space_id, cast(SpaceHardware, name))
    except TokenRefused as error:
        raise UserError(
            error.message,
            hint="A sign-in can't change hardware: add a secret HF_TOKEN with write access to"
            " this Space, or choose the hardware in the Space's settings on the Hub.",
        ) from error


def duplicate(space_id: str, *, token: SecretStr) -> str:
    """Copy a Space, in private, to the account of the token. Returns the copy's address.

    Raises UserError when the Hub refuses, or there is one of its name already.
    """
    with hub_errors(f"a copy of {space_id}"):
        return str(hub_client(token).duplicate_repo(space_id, repo_type="space", private=True))
