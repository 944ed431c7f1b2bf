"""Signing in: the page that asks, the token in exchange for a code, and whose token it is.

A Gradio app on a Space always gives `https://SPACE_HOST/login/callback` as the address to come back
to, also when SPACE_HOST is this machine, where nobody speaks TLS. So the browser is sent back by
http when the address is one of this machine. The app's session cookie is Secure: browsers send it
to 127.0.0.1 by http too, Python's HTTP clients don't (see tests/hub/gradio_app.py).
"""

import base64
import binascii
import hmac
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Form, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from .context import CallerContext, Hub, HubContext
from .errors import HubError, sign_in_first
from .oauth import Consent, OAuthApp, agreed, metadata, profile

router = APIRouter()

THIS_MACHINE = ("127.0.0.1", "localhost")
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Authorize {client_id}</title></head>
<body>
<h1>{client_id} wants to act for you</h1>
<p>It asks for: {scopes}</p>
<form method="post">
{buttons}
<button name="user" value="">Deny</button>
</form>
</body>
</html>
"""


@router.get("/.well-known/openid-configuration")
def describe(hub: HubContext) -> dict[str, Any]:
    return metadata(hub.endpoint)


@router.get("/oauth/jwks")
def list_keys(hub: HubContext) -> dict[str, Any]:
    return {"keys": [hub.oauth.key.as_dict(private=False)]}


@router.get("/oauth/authorize")
def ask(request: Request, hub: HubContext) -> Response:
    app = _asking(request, hub=hub)
    if hub.oauth.signs_in is not None:
        return _answer(request, app=app, user=hub.oauth.signs_in, hub=hub)
    names = [escape(name) for name in hub.identities.users]
    buttons = [f'<button name="user" value="{name}">Authorize as {name}</button>' for name in names]
    page = PAGE.format(
        client_id=escape(app.client_id),
        scopes=escape(request.query_params.get("scope", "")),
        buttons="\n".join(buttons),
    )
    return HTMLResponse(page)


@router.post("/oauth/authorize")
def decide(request: Request, hub: HubContext, user: Annotated[str, Form()] = "") -> Response:
    return _answer(request, app=_asking(request, hub=hub), user=user, hub=hub)


@router.post("/oauth/token")
def give_token(
    hub: HubContext,
    code: Annotated[str, Form()],
    redirect_uri: Annotated[str, Form()],
    grant_type: Annotated[str, Form()],
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
    authorization: Annotated[str, Header()] = "",
) -> JSONResponse:
    if authorization:
        client_id, client_secret = _basic(authorization)
    app = hub.oauth.find(client_id)
    if app is None or not hmac.compare_digest(app.client_secret, client_secret):
        return JSONResponse({"error": "invalid_client"}, 401)
    if grant_type != "authorization_code":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    consent = hub.oauth.redeem(code, client_id=client_id, redirect_uri=redirect_uri)
    if consent is None:
        return JSONResponse({"error": "invalid_grant"}, 400)
    return JSONResponse(_tokens(consent, hub=hub), headers={"Cache-Control": "no-store"})


@router.get("/oauth/userinfo")
@router.post("/oauth/userinfo")
def tell_who(hub: HubContext, caller: CallerContext) -> dict[str, Any]:
    if caller.token is None or caller.token.app is None:
        raise sign_in_first()
    return profile(caller.token.user, scopes=caller.token.agreed, issuer=hub.endpoint)


def _asking(request: Request, *, hub: Hub) -> OAuthApp:
    query = request.query_params
    app = hub.oauth.find(query.get("client_id", ""))
    if app is None:
        raise HubError(400, "Invalid client_id")
    if query.get("response_type") != "code" or not query.get("redirect_uri"):
        raise HubError(400, "A response_type of code and a redirect_uri are required")
    return app


def _answer(request: Request, *, app: OAuthApp, user: str, hub: Hub) -> Response:
    query = request.query_params
    scopes = agreed(query.get("scope", ""), app=app)
    answer = {"state": query["state"]} if "state" in query else {}
    if scopes is None:
        answer["error"] = "invalid_scope"
    elif user not in hub.identities.users:
        answer |= {"error": "access_denied", "error_description": "The user denied the request"}
    else:
        consent = Consent(
            app,
            hub.identities.user(user),
            scopes,
            redirect_uri=query["redirect_uri"],
            nonce=query.get("nonce"),
        )
        answer["code"] = hub.oauth.agree(consent)
    return RedirectResponse(_back(query["redirect_uri"], answer), 303)


def _back(redirect_uri: str, answer: dict[str, str]) -> str:
    parts = urlsplit(redirect_uri)
    scheme = "http" if parts.hostname in THIS_MACHINE else parts.scheme
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *answer.items()])
    return urlunsplit(parts._replace(scheme=scheme, query=query))


def _tokens(consent: Consent, *, hub: Hub) -> dict[str, Any]:
    token = hub.oauth.give_token(app=consent.app, user=consent.user, scopes=consent.scopes)
    answer = {
        "access_token": token.value,
        "token_type": "bearer",
        "expires_in": consent.app.expires_in,
        "scope": " ".join(sorted(consent.scopes)),
    }
    if "openid" in consent.scopes:
        answer["id_token"] = hub.oauth.sign(consent, issuer=hub.endpoint)
    return answer


def _basic(header: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(header.removeprefix("Basic ")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, client_secret = text.partition(":")
    return unquote(client_id), unquote(client_secret)
