"""What the Hub's client raises, turned into messages that say what to do."""

import contextlib
import re
from collections.abc import Iterator

import httpx2
from hf_xet import XetAuthenticationError, XetObjectNotFoundError
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from core.errors import Gated, HubAway, HubUnreachable, TokenRefused, UserError
from core.hub.client import hub_endpoint
from core.hub.deadline import LOOKS, deadline

# As much of what a server says as a person reads.
MOST_WORDS = 300
# What an upload is called begins so.
UPLOAD = "the upload to "


@contextlib.contextmanager
def hub_errors(
    what: str,
    *,
    field: str | None = None,
    revision_field: str | None = None,
    is_transfer: bool = False,
) -> Iterator[None]:
    """Turn the Hub client's errors about `what` into messages at their field.

    All of it has a deadline, unless it is a transfer, which takes as long as its bytes do.
    """
    try:
        with contextlib.nullcontext() if is_transfer else deadline():
            yield
    except GatedRepoError as error:
        raise Gated(
            f"You don't have access to {what} yet: it is gated.",
            hint="Accept its terms on its Hub page, with the account of your token.",
            field=field,
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(
            f"There is no such revision of {what}.", hint="Use a branch, tag or commit.",
            field=revision_field or field,
        ) from error  # fmt: skip
    except RepositoryNotFoundError as error:
        raise UserError(
            f"The Hub can't find {what}, or your token has no access to it.",
            hint="Check the spelling: it is owner/name.",
            field=field,
        ) from error
    except LocalEntryNotFoundError as error:
        # A download that got no response, with nothing in the cache.
        raise _unreachable(what, field) from error
    except EntryNotFoundError as error:
        raise UserError(f"A file of {what} is missing on the Hub.", field=field) from error
    except HFValidationError as error:
        raise UserError(f"{what} is not a valid name on the Hub.", field=field) from error
    except LocalTokenNotFoundError as error:
        raise UserError("This needs a Hugging Face token.", hint="Set HF_TOKEN.") from error
    except OfflineModeIsEnabled as error:
        # It will not be back in a minute, as one that is away may be.
        raise _unreachable(what, field, HubUnreachable) from error
    except httpx2.TransportError as error:
        raise _unreachable(what, field) from error
    except HfHubHTTPError as error:
        raise _http_error(error, what=what, field=field) from error
    except XetAuthenticationError as error:
        raise _refusal(401, what=what, field=field, is_look=False) from error
    except XetObjectNotFoundError as error:
        raise UserError(f"A file of {what} is missing on the Hub.", field=field) from error
    except (ConnectionError, RuntimeError) as error:
        # A transfer that is refused says so only in the text or the cause of another error.
        raise _http_error(error, what=what, field=field) from error


def _unreachable(
    what: str, field: str | None, kind: type[HubUnreachable] = HubAway
) -> HubUnreachable:
    return kind(
        f"The Hub at {hub_endpoint()} did not respond to a request about {what}.",
        hint="Check the network, or use the built-in model and data, which work offline.",
        field=field,
    )


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status in an error of the Hub's client, if there is one."""
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return int(error.response.status_code)
    if error is not None and isinstance(error.__cause__, HfHubHTTPError):
        return status_of(error.__cause__)
    named = re.search(r"\b([45]\d\d) [A-Z]", str(error))
    return int(named[1]) if named else None


def _http_error(error: BaseException, *, what: str, field: str | None) -> UserError:
    if type(error) is not RuntimeError and isinstance(error, RuntimeError):
        # A subclass, such as RecursionError, does not come from a transfer.
        raise error
    status = status_of(error)
    if status is None:
        return HubUnreachable(
            f"The transfer of {what.removeprefix('the upload to ')} was interrupted: {error}",
            hint="Try again.",
            field=field,
        )
    return _refusal(
        status, what=what, field=field, is_look=_is_look(error, what=what), words=_words(error)
    )


def _is_look(error: BaseException, *, what: str) -> bool:
    """Whether what was refused changes nothing on the Hub."""
    for each in (error, error.__cause__):
        if isinstance(each, HfHubHTTPError) and each.response is not None:
            request = each.response.request
            # The right to upload by Xet is asked for.
            return request.method in LOOKS and "/xet-write-token/" not in request.url.path
    return not what.startswith(UPLOAD)


def _words(error: BaseException) -> str:
    """What the server said of its refusal."""
    for each in (error, error.__cause__):
        if isinstance(each, HfHubHTTPError):
            return " ".join((each.server_message or "").split())
    return str(error)


def _refusal(
    status: int, *, what: str, field: str | None, is_look: bool, words: str = ""
) -> UserError:
    """The refusal with its remedy, and with what the server itself says of it."""
    refusal = _remedied(status, what=what, is_look=is_look, words=words)
    refusal.field = field
    if words and status != 401:
        shortened = f"{words[:MOST_WORDS]}…" if len(words) > MOST_WORDS else words
        refusal.message += f" The Hub says: {shortened}"
    return refusal


def _remedied(status: int, *, what: str, is_look: bool, words: str) -> UserError:
    place = what.removeprefix(UPLOAD)
    match status:
        case 401:
            return TokenRefused(
                "The Hub does not accept this token.",
                hint="It has expired or was revoked: sign in again, or set a new HF_TOKEN.",
            )
        case 402:
            return UserError(
                f"The Hub requires payment for {what}.",
                hint="Set up billing on the Hub, or choose a free option.",
            )
        case 403 if re.search(r"quota|storage limit", words, re.IGNORECASE):
            return UserError(
                "This Hub account has no storage left.",
                hint="Delete what you no longer need there, or buy more storage; then try again.",
            )
        case 403:
            return TokenRefused(
                f"This token has no permission for {what}.",
                hint=f"Use one with {'read' if is_look else 'write'} access.",
            )
        case 404:
            return UserError(
                f"The Hub does not know {place}, or can't do this.",
                hint=f"Check the name. Not every Hub can do all that huggingface.co can, and this"
                f" one is {hub_endpoint()}.",
            )
        case 405 | 501:
            return UserError(
                f"This Hub can't do this: {what} (HTTP {status}).",
                hint=f"Turn it off, or use another Hub than {hub_endpoint()}.",
            )
        case 409 if re.search(r"\bexists?\b", words, re.IGNORECASE):
            return UserError(
                f"The Hub has {place} already.", hint="Choose another name, or delete that one."
            )
        case 409 | 412:
            return HubUnreachable(
                f"Someone else wrote to {place} at the same time.", hint="Try again."
            )
        case 413:
            return UserError(
                "The upload is too large for this Hub.",
                hint="Push the adapter without merged weights, or ask whoever runs this Hub to"
                " allow larger uploads.",
            )
        case 429:
            return HubUnreachable(
                "The Hub is limiting the rate of requests.", hint="Try again in a few minutes."
            )
        case _ if status >= 500:
            return _fault_of_the_hub(status)
    return UserError(
        f"The Hub refused {what} (HTTP {status}).", hint="Change what it names, and try again."
    )


def _fault_of_the_hub(status: int) -> UserError:
    if status == 507:
        return UserError(
            "The Hub has no storage left.", hint="Delete what you no longer need there."
        )
    if status in (502, 503, 504):
        return HubAway(
            f"The Hub is not available right now (HTTP {status}).", hint="Try again later."
        )
    return HubUnreachable(
        f"The Hub had an internal error (HTTP {status}).", hint="Try again later."
    )
