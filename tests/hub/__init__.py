"""A Hub on this machine: the real client libraries speak to it, real bytes lie on its disk."""

from .double import HubDouble

__all__ = ["HubDouble"]
