"""What was found out about the Hub along the way, told with the run."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.hub.client import hub_endpoint
from core.hub.lacks import told_lacks
from core.runs.events import EventWriter, Warned


@contextmanager
def warn_of_lacks(events: EventWriter) -> Iterator[None]:
    """Tell what the Hub was found to lack in here, also where it ends in an error."""
    try:
        yield
    finally:
        for text in told_lacks():
            events.write(Warned(text=f"About the Hub at {hub_endpoint()}: {text}"))
