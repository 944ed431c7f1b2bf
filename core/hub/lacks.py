"""What the Hub in use can't do, though huggingface.co can. Each is made up for, and told once."""

import sys

import httpx2
from huggingface_hub.errors import HfHubHTTPError

# What a server answers that knows no such address. The Hub itself adds a code of its own to a 404.
UNKNOWN = (404, 405, 501)
NO_ACCESS_CHECK = "It has no access check, so access is tested with a file of each repository."
NO_CARD_CHECK = "It does not check model cards before an upload."
NO_SORTING = "It does not sort lists, so datasets are found in its own order."
NO_SEARCH = "It does not search, so SmolFactory looks through its lists."
NO_XET = "It has no Xet storage, so large files are uploaded with Git LFS."
NO_SQUASHING = (
    "It can't squash a history, so old checkpoints take up storage there until a run's"
    " checkpoints are deleted."
)
NO_VARIABLES = "It sets no variables of Spaces: a demo may need HF_ENDPOINT set by hand."

_told: dict[str, None] = {}


def tell_lack(text: str) -> None:
    """Say what the Hub lacks: in this process's log, and wherever `told_lacks` is shown."""
    if text not in _told:
        _told[text] = None
        sys.stderr.write(f"About the Hub in use: {text}\n")


def told_lacks() -> list[str]:
    """What this process has found the Hub to lack."""
    return list(_told)


def is_lack(error: HfHubHTTPError) -> bool:
    """Whether the Hub knows no such address at all; else it knows it, and has nothing there."""
    return is_unknown(error.response)


def is_unknown(response: httpx2.Response) -> bool:
    """Whether nothing is known where this was asked."""
    return response.status_code in UNKNOWN and "X-Error-Code" not in response.headers
