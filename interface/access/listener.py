"""The address that the page is served on, and the password that guards it. Starts in no time."""

import ipaddress
import socket

from core.errors import UserError
from core.settings import Settings

BACKLOG = 128
USER_NAME = "admin"
SHORTEST_PASSWORD = 8


def listen(settings: Settings) -> socket.socket:
    """Take the port. Raises UserError when it is taken, or would be open to everyone."""
    credentials(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(
            f"Port {settings.port} on {settings.host} can't be used: {error.strerror}.",
            hint=f"Choose another one: PORT={settings.port + 1} make run",
        ) from error
    return listener


def credentials(settings: Settings) -> tuple[str, str] | None:
    """The name and password that the page asks for: where one is set, but for a Space.

    Raises UserError when it is too short, or when the page could be reached from elsewhere without
    one.
    """
    if settings.space is not None:
        return None
    if settings.password is None and is_loopback(settings.host):
        return None
    if settings.password is None:
        raise UserError(
            f"HOST is {settings.host}, so anyone who reaches this machine could use it.",
            hint="Set SMOLFACTORY_PASSWORD to ask for a password, or leave HOST out.",
        )
    password = settings.password.get_secret_value()
    if len(password) < SHORTEST_PASSWORD:
        raise UserError(
            f"SMOLFACTORY_PASSWORD has fewer than {SHORTEST_PASSWORD} characters.",
            hint="Choose a longer one: several words are easy to remember.",
        )
    return USER_NAME, password


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
