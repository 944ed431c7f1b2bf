"""Who cannot pay, and who has no room left."""

from collections.abc import Set

from .errors import HubError
from .hardware import is_paid

PAYMENT = "Payment required: "
FULL = (
    "Private repository storage limit reached, please upgrade your plan to increase your private "
    "storage limit."
)
FULL_PUBLIC = (
    "Storage limit reached for your public repositories. Please upgrade your plan or contact "
    "website@huggingface.co."
)


class Billing:
    """The namespaces that have to pay first, and those over their storage quota."""

    def __init__(self) -> None:
        self.unpaid: Set[str] = frozenset()
        self.full: Set[str] = frozenset()

    def check_space(self, namespace: str, *, sdk: str | None) -> None:
        """Raises HubError when the namespace can have no Space that runs."""
        if namespace in self.unpaid and sdk != "static":
            plan = "PRO subscription" if sdk is None else f"PRO subscription to host {sdk} Spaces"
            raise HubError(402, f"{PAYMENT}{namespace} needs a {plan}.")

    def check_hardware(self, namespace: str, hardware: str) -> None:
        """Raises HubError when the namespace can't pay for a machine."""
        if namespace in self.unpaid and is_paid(hardware):
            raise HubError(402, f"{PAYMENT}add a payment method to {namespace} to use {hardware}.")

    def check_storage(self, namespace: str, *, private: bool) -> None:
        """Raises HubError when the namespace may store nothing more."""
        if namespace in self.full:
            raise HubError(403, FULL if private else FULL_PUBLIC)
