"""What the licences of a base model and of data forbid with what is made from them.

By the Hub's identifiers of licences (https://huggingface.co/docs/hub/repositories-licenses). The
Creative Commons' parts speak for themselves: "nc" is NonCommercial, "nd" is NoDerivatives
(https://creativecommons.org/share-your-work/cclicenses/).
"""

# Licences with terms of use of their own, beyond keeping a notice.
_OWN_TERMS = ("other", "llama", "gemma", "openrail", "bigscience", "creativeml", "deepfloyd")


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


def _parts(licence: str) -> list[str]:
    return licence.lower().split("-")
