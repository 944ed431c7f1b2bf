"""Xet, by which the Hub's client uploads large files: it tries nothing else by itself."""

import os
from urllib.parse import quote

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from core.hub.deadline import deadline
from core.hub.lacks import NO_XET, is_lack, tell_lack


def turn_off_missing_xet(api: HfApi, repo: str, *, kind: str, revision: str | None) -> bool:
    """Do without Xet from now on if the Hub has none. Returns whether that is so.

    Raises what the Hub's client raises when there is no answer.
    """
    if constants.HF_HUB_DISABLE_XET:
        return False
    branch = quote(revision or constants.DEFAULT_REVISION, safe="")
    url = f"{api.endpoint}/api/{kind}s/{repo}/xet-write-token/{branch}"
    try:
        with deadline():
            hf_raise_for_status(get_session().get(url, headers=build_hf_headers(token=api.token)))
    except HfHubHTTPError as error:
        if not is_lack(error):
            return False
        tell_lack(NO_XET)
        # Read at each upload; the variable is for processes that are started from here.
        constants.HF_HUB_DISABLE_XET = True
        os.environ["HF_HUB_DISABLE_XET"] = "1"
        return True
    return False
