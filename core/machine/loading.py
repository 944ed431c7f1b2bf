"""Loading large libraries without looking for garbage in them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Around the import of libraries that a process needs as long as it lives.

    What they make while they load stays: to search it for garbage, then and in each later
    collection, takes a tenth of the time that torch and its kin need to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
