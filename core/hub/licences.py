"""What the licences of a base model and of data forbid with what is made from them.

By the Hub's identifiers of licences (https://huggingface.co/docs/hub/repositories-licenses). The
Creative Commons' parts speak for themselves: "nc" is NonCommercial, "nd" is NoDerivatives
(https://creativecommons.org/share-your-work/cclicenses/).
"""

from collections.abc import Iterator

from pydantic import SecretStr

from core.config.check import Context
from core.config.run_config import RunConfig
from core.errors import HubUnreachable, UserError, at_field
from core.hub.lookups import hub_parts, licences_of

# Licences with terms of use of their own, beyond keeping a notice.
_OWN_TERMS = ("other", "llama", "gemma", "openrail", "bigscience", "creativeml", "deepfloyd")


def check_licences(config: RunConfig, context: Context) -> list[str]:
    """What the licences forbid. Raises UserError where it is what the run is to do."""
    context.report("Checking the licences…")
    if config.output.push_to_hub and not config.output.hub_private_repo:
        require_sharing_allowed(config, token=context.token)
    return [
        text
        for licence, of in _licences_of_run(config, token=context.token, must_answer=False)
        for text in limits(licence, of=of)
    ]


def require_sharing_allowed(config: RunConfig, *, token: SecretStr | None) -> None:
    """Raises UserError when a licence forbids that others see the result, or is not to be had now.

    What is public once can't be taken back, so a Hub that gives no answer is no leave.
    """
    with at_field("output.hub_private_repo"):
        for licence, of in _licences_of_run(config, token=token, must_answer=True):
            if forbids_sharing(licence):
                raise UserError(
                    f"The licence of {of} ({licence}) forbids sharing what is made from it.",
                    hint="Push to a private repository, or choose another model or dataset.",
                )


def forbids_sharing(licence: str) -> bool:
    """Whether what is made from a work under this licence may not be shared."""
    return "nd" in _parts(licence)


def limits(licence: str, *, of: str) -> list[str]:
    """What a person should know before they build on a work, `of` what it is."""
    found = []
    if forbids_sharing(licence):
        found.append(f"The licence of {of} ({licence}) forbids sharing what is made from it.")
    if "nc" in _parts(licence):
        found.append(f"The licence of {of} ({licence}) forbids commercial use.")
    if any(licence.startswith(name) for name in _OWN_TERMS) or "openrail" in licence:
        found.append(f"The licence of {of} ({licence}) has terms of use of its own: read them.")
    return found


def _licences_of_run(
    config: RunConfig, *, token: SecretStr | None, must_answer: bool
) -> Iterator[tuple[str, str]]:
    """The licence of everything from the Hub that goes into a run, and whose it is."""
    for name, kind in hub_parts(config):
        try:
            licences = licences_of(name, kind=kind, token=token)
        except UserError as error:
            if must_answer and isinstance(error, HubUnreachable):
                raise
            # What can't be looked up is told of at its own field.
            continue
        for licence in licences:
            yield licence, name


def _parts(licence: str) -> list[str]:
    return licence.lower().split("-")
